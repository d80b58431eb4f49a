"""The kinds that there are, without loading any: `catalog.json` is made from the connectors."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from intertie.integrations.base import BaseIntegration
from intertie.integrations.errors import InvalidError

FILE = Path(__file__).with_name("catalog.json")
GROUP = "intertie.integrations"
"""Entry points of other packages: a kind, and the class of its connector."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of a kind before it is used."""

    kind: str
    title: str
    category: str
    module: str
    name: str
    """Of the class."""
    docs: str
    stability: str
    operations: tuple[str, ...]
    settings: Mapping[str, object]
    """The JSON Schema of its `config`."""


@cache
def kinds() -> Mapping[str, Kind]:
    """All built-in kinds, by their names."""
    rows: list[dict[str, Any]] = json.loads(FILE.read_text())  # Any: JSON of our own making
    for each in rows:
        each["operations"] = tuple(each["operations"])
    return {each["kind"]: Kind(**each) for each in rows}


def exports(package: str) -> Callable[[str], type[BaseIntegration]]:
    """The `__getattr__` of a folder of connectors: their classes, each loaded at its first use."""

    def of(name: str) -> type[BaseIntegration]:
        for each in kinds().values():
            if each.name == name and each.module.rpartition(".")[0] == package:
                return load(each.kind)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return of


def is_known(kind: str) -> bool:
    """Whether there is such a kind, built in or of another package."""
    return kind in kinds() or bool(entry_points(group=GROUP, name=kind))


def near(kind: str) -> str:
    """What to write instead of a kind that there is none of."""
    found = get_close_matches(kind, kinds(), 1)
    return f"did you mean {found[0]}?" if found else f"known are {', '.join(sorted(kinds()))}"


def find(kind: str) -> Kind:
    """A built-in kind. Raises InvalidError, with the nearest word."""
    known = kinds().get(kind)
    if known is None:
        why = f"there is none of this name; {near(kind)}"
        raise InvalidError(f"cannot use kind {kind[:80]!r}: {why}")
    return known


def load(kind: str) -> type[BaseIntegration]:
    """The class of a kind; its module is imported at the first use. Raises InvalidError."""
    for each in entry_points(group=GROUP, name=kind) if kind not in kinds() else ():
        loaded: type[BaseIntegration] = each.load()
        return loaded
    known = find(kind)
    found: type[BaseIntegration] = getattr(import_module(known.module), known.name)
    return found
