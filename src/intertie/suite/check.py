"""Everything wrong with a suite, at once: each key by itself, then the rules between them.

The rules look at a draft: what is left of the suite when every faulty key is taken away. So a
mistyped port does not hide a dependency on a service that does not exist.
"""

from collections.abc import Callable
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from intertie.errors import Fault
from intertie.suite import rules, topic_files
from intertie.suite.draft import draft
from intertie.suite.explain import explain
from intertie.suite.model import Suite
from intertie.suite.tree import Places, Table, plain

Transform = Callable[[dict[str, object]], dict[str, object]]
"""Changes the content of a suite file, as mappings, lists, text and numbers."""


def check(
    tree: Table,
    where: Places,
    *,
    folder: Path,
    faults: list[Fault],
    transform: Transform | None = None,
) -> Suite | None:
    """The suite of a finished tree; adds every fault, and is None when the models refuse it.

    What `transform` adds at the top that is no key of ours is left out: it was for its like.
    """
    data = cast("dict[str, object]", plain(tree))
    if transform is not None:
        known = {*data, *Suite.model_fields}
        data = {key: value for key, value in transform(data).items() if key in known}
    suite: Suite | None = None
    try:
        suite = Suite.model_validate(data)
    except ValidationError as exc:
        faults.extend(explain(exc, where))
    understood = draft(data, where, folder)
    for rule in rules.ALL:
        faults.extend(rule(understood))
    if suite is not None and suite.bus is not None:
        told = topic_files.faults(suite.bus.topics, services=suite.services, folder=folder)
        for keys, why, hint in told:
            way = ("bus", "topics", *keys)
            faults.append(where[way].fault(way, why, hint))
    return suite
