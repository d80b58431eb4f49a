"""The suite file to frozen models. One call finds every fault, or gives the suite."""

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv.parser import parse_stream

from intertie.errors import Fault, SuiteError
from intertie.suite.check import Transform, check
from intertie.suite.document import Documents, read_text
from intertie.suite.extend import Extender
from intertie.suite.interpolate import MissingError, interpolate
from intertie.suite.model import Suite
from intertie.suite.spelling import in_our_words
from intertie.suite.tree import Places, Table, places

ENVIRONMENT_VARIABLE = "INTERTIE_ENV"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A suite that passed every check, and where it came from."""

    suite: Suite
    folder: Path
    """The suite's folder: every relative path in a service starts here."""
    environment: str | None
    """The name of the overlay in use."""
    files: tuple[Path, ...]
    """Everything that was read, in the order of reading."""
    places: Places
    """Where each key was written."""


def load(
    path: Path | str,
    *,
    env: Mapping[str, str] | None = None,
    environment: str | None = None,
    transform: Transform | None = None,
) -> Loaded:
    """Read a suite file. `env` is this process's own environment unless given.

    `environment` names the overlay; without it the variable INTERTIE_ENV does. Variables of a
    `.env` file beside the suite file count where `env` has none. `transform` may change what the
    file says before it is checked. Raises SuiteError with every fault found, in the order of the
    files.
    """
    path = Path(path)
    faults: list[Fault] = []
    files: list[Path] = []
    variables = _dotenv(path.parent / ".env", files, faults)
    variables |= os.environ if env is None else env
    documents = Documents(
        folder=path.parent,
        env=variables,
        environment=environment or variables.get(ENVIRONMENT_VARIABLE) or None,
        faults=faults,
        files=files,
    )
    tree = documents.open(path)
    if tree is None:
        raise _error(faults, files)
    documents.check_environment(tree.place)
    tree = _whole(tree, path, documents)
    where = places(tree)
    suite = check(tree, where, folder=path.parent, faults=faults, transform=transform)
    if suite is None or faults:
        raise _error(faults, files)
    return Loaded(suite, path.parent, documents.environment, tuple(files), where)


def _whole(tree: Table, path: Path, documents: Documents) -> Table:
    """The tree after `extends` and interpolation, less the keys that are ours to ignore."""
    services = tree.get("services")
    if isinstance(services, Table):
        extender = Extender(
            path,
            services,
            open_file=documents.open,
            sources=documents.sources,
            faults=documents.faults,
        )
        tree = tree.replace("services", extender.extended(services))
    tree = tree.without(*(key for key in tree.entries if key.startswith("x-")))
    tree = in_our_words(tree, documents.faults)
    return interpolate(tree, documents.sources, documents.faults)


def _dotenv(path: Path, files: list[Path], faults: list[Fault]) -> dict[str, str]:
    """The variables of a `.env` file; none when there is no file."""
    if not path.exists():
        return {}
    files.append(path)
    try:
        return read_env(path, faults)
    except MissingError as exc:
        faults.append(Fault(path, 0, 0, "", exc.message, exc.hint))
        return {}


def read_env(path: Path, faults: list[Fault]) -> dict[str, str]:
    """NAME=value lines, quotes and comments as in `.env` files; `${X}` inside stays as it is.

    Faults are added for lines that are none; raises MissingError when the file cannot be read.
    """
    values: dict[str, str] = {}
    for binding in parse_stream(io.StringIO(read_text(path))):
        if binding.error:
            line = binding.original.line
            faults.append(Fault(path, line, 1, "", "expected NAME=value", ""))
        elif binding.key is not None and binding.value is not None:
            values[binding.key] = binding.value
    return values


def _error(faults: list[Fault], files: list[Path]) -> SuiteError:
    """Faults in the order of the files, each once though several services inherit it."""
    order = {file: index for index, file in reversed([*enumerate(files)])}
    at = {
        (fault.file, fault.line, fault.column, fault.key.rpartition(".")[2], fault.message): fault
        for fault in reversed(faults)
    }
    rank = len(order)
    key = sorted(at.values(), key=lambda f: (order.get(f.file, rank), f.line, f.column, f.key))
    return SuiteError(key)
