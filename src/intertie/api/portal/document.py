"""An OpenAPI document as its readers need it: operations with everything that is said of them.

The document may be faulty, for services write parts of it: what is not as expected is left out.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

Json: TypeAlias = Mapping[str, object]
Source: TypeAlias = Callable[[], Json]
"""Reads the gateway's document; may take a moment, and is called in a thread. Empty is none."""

_METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
_MAX_BYTES = 16 << 20
_MAX_DEPTH = 6
_MAX_SHOWN = 8000
_MAX_NODES = 1000
_MAX_REFS = 20
_NONE: Json = {}


@dataclass(frozen=True, slots=True)
class Parameter:
    """What is sent beside the body."""

    name: str
    where: str
    """`path`, `query`, `header` or `cookie`."""
    needed: bool
    about: str
    schema: str


@dataclass(frozen=True, slots=True)
class Payload:
    """A body, or the description of an answer."""

    kinds: tuple[str, ...]
    about: str
    schema: str
    example: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked of the gateway."""

    id: str
    method: str
    path: str
    service: str
    """Empty of what the gateway answers itself."""
    summary: str
    about: str
    parameters: tuple[Parameter, ...]
    body: Payload | None
    answers: tuple[tuple[str, Payload], ...]
    """By status."""
    ways: tuple[str, ...]
    """What may be shown to be let in; empty is nothing."""


class Stored:
    """A document in a file, read anew when it has changed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read: tuple[tuple[int, int], Json] | None = None

    def __call__(self) -> Json:
        """See Source. A file that is not there, too large or no JSON is an empty document."""
        try:
            found = self._file.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if self._read is None or self._read[0] != stamp:
                content = self._file.read_bytes() if found.st_size <= _MAX_BYTES else b"{}"
                self._read = (stamp, _table(json.loads(content)))
        except (OSError, ValueError, RecursionError):
            return _NONE
        return self._read[1]


def operations(document: Json) -> list[Operation]:
    """All of them, by service and path."""
    found = [
        _operation(document, path, method, _table(of_path.get(method)), of_path)
        for path, of_path in _tables(document.get("paths"))
        if path.startswith("/") and not path.startswith("//")
        for method in _METHODS
        if isinstance(of_path.get(method), Mapping)
    ]
    return sorted(found, key=lambda each: (each.service, each.path, each.method))


def by_service(found: Sequence[Operation]) -> dict[str, list[Operation]]:
    """The same, together by who answers."""
    groups: dict[str, list[Operation]] = {}
    for each in found:
        groups.setdefault(each.service, []).append(each)
    return groups


def _operation(document: Json, path: str, method: str, told: Json, of_path: Json) -> Operation:
    tags = _list(told.get("tags"))
    body = _table(_resolved(document, told.get("requestBody")))
    answers = [
        (code, _payload(document, _table(_resolved(document, answer))))
        for code, answer in sorted(_table(told.get("responses")).items())
    ]
    return Operation(
        id=_text(told.get("operationId")) or f"{method}{path}",
        method=method.upper(),
        path=path,
        service=_text(tags[0]) if tags else "",
        summary=_text(told.get("summary")),
        about=_text(told.get("description")),
        parameters=tuple(_parameters(document, told, of_path)),
        body=_payload(document, body) if body else None,
        answers=tuple(answers),
        ways=tuple(sorted({way for each in _list(told.get("security")) for way in _table(each)})),
    )


def _parameters(document: Json, told: Json, of_path: Json) -> Iterator[Parameter]:
    known: dict[tuple[str, str], Json] = {}
    for each in (*_list(of_path.get("parameters")), *_list(told.get("parameters"))):
        found = _table(_resolved(document, each))
        known[_text(found.get("name")), _text(found.get("in"))] = found
    for (name, where), found in known.items():
        if name and where in {"path", "query", "header", "cookie"}:
            schema = found.get("schema") or _media(found)[1]
            yield Parameter(
                name,
                where,
                where == "path" or found.get("required") is True,
                _text(found.get("description")),
                _shown(document, schema),
            )


def _payload(document: Json, told: Json) -> Payload:
    kinds, schema, example = _media(told)
    return Payload(
        kinds,
        _text(told.get("description")),
        _shown(document, schema) if schema is not None else "",
        _dumped(example) if example is not None else "",
    )


def _media(told: Json) -> tuple[tuple[str, ...], object, object]:
    """Kinds of content, and schema and example of the first."""
    content = dict(_tables(told.get("content")))
    first = next(iter(content.values()), _NONE)
    return tuple(content), first.get("schema"), first.get("example")


def _shown(document: Json, schema: object) -> str:
    return _dumped(_Expander(document).of(schema, _MAX_DEPTH))


def _dumped(value: object) -> str:
    told = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    return told if len(told) <= _MAX_SHOWN else f"{told[:_MAX_SHOWN]}…"


@dataclass(slots=True)
class _Expander:
    """Puts what is referred to in its place. Schemas may hold themselves, and each other often."""

    document: Json
    left: int = _MAX_NODES

    def of(self, value: object, depth: int) -> object:
        """To some depth, and only so much in all."""
        self.left -= 1
        if self.left < 0:
            return "…"
        if isinstance(value, Mapping):
            told = _table(value)
            if "$ref" not in told:
                return {name: self.of(each, depth - 1) for name, each in told.items()}
            if depth <= 0:
                return {"$ref": told["$ref"]}
            return self.of(_resolved(self.document, told), depth - 1)
        if isinstance(value, list):
            return [self.of(each, depth - 1) for each in cast("list[object]", value)]
        return value


def _resolved(document: Json, value: object) -> object:
    """What a reference within the document stands for; itself if it is none."""
    for _ in range(_MAX_REFS):
        ref = _table(value).get("$ref")
        if not isinstance(ref, str) or not ref.startswith("#/"):
            return value
        value = document
        for part in ref[2:].split("/"):
            value = _table(value).get(part.replace("~1", "/").replace("~0", "~"))
    return None


def _tables(value: object) -> Iterator[tuple[str, Json]]:
    for name, each in _table(value).items():
        if isinstance(each, Mapping):
            yield name, _table(each)


def _table(value: object) -> Json:
    return cast("Json", value) if isinstance(value, Mapping) else _NONE


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
