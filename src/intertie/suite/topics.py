"""Topics that a suite file declares: `bus: topics:`, by name.

A schema stands by itself: it refers to nothing outside, so that it is read without a network, and
can be put into the suite's AsyncAPI document.
"""

import re
from typing import Annotated, TypeAlias, cast

from pydantic import AfterValidator, BeforeValidator, Field

from intertie.suite.parse import MAX_DEPTH
from intertie.suite.values import Flag, Model, Name

JsonSchema: TypeAlias = dict[str, object]

OWN = "suite."
"""What the names of Intertie's own topics begin with."""

_WORD = r"[A-Za-z0-9_-]{1,64}"
_TOPIC = re.compile(rf"{_WORD}(\.{_WORD}){{0,15}}")
_SCHEMA_FILE = re.compile(r"[^\0]{1,4000}\.(json|ya?ml)")
_DRAFT_7 = "http://json-schema.org/draft-07/schema#"
_DRAFTS = (
    _DRAFT_7,
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
)
_NAMED_PLACES = ("$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef")


def _topic_name(value: str) -> str:
    if not _TOPIC.fullmatch(value):
        raise ValueError("expected words of letters, digits, _ and -, joined by dots")
    if value.startswith(OWN):
        raise ValueError(f"expected another first word: topics of `{OWN}` are Intertie's own")
    return value


def check_schema(schema: JsonSchema) -> None:
    """Raises ValueError, with the reason, for what is no JSON Schema that stands by itself."""
    if str(schema.get("$schema", _DRAFTS[-1])).rstrip("#") not in {d.rstrip("#") for d in _DRAFTS}:
        raise ValueError("expected $schema to be that of draft 7, 2019-09 or 2020-12")
    _check_refs(schema, 0)
    import jsonschema_rs  # noqa: PLC0415 - 30 ms to load, and for few suites only

    try:
        # AsyncAPI's schemas are draft 7, with what later drafts added left to whoever knows it.
        jsonschema_rs.meta.validate({**schema, "$schema": _DRAFT_7})
        jsonschema_rs.validator_for(schema, retriever=_refuse)
    except ValueError as exc:
        raise ValueError(f"expected a JSON Schema; {str(exc).splitlines()[0][:200]}") from exc


def _refuse(uri: str) -> dict[str, object]:
    raise ValueError(f"{uri} is outside of it")


def _check_refs(node: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise ValueError(f"expected a schema of at most {MAX_DEPTH} levels")
    if isinstance(node, list):
        for item in cast("list[object]", node):
            _check_refs(item, depth + 1)
    if not isinstance(node, dict):
        return
    table = cast("dict[str, object]", node)
    ref = table.get("$ref")
    if isinstance(ref, str) and ref != "#" and not ref.startswith("#/"):
        raise ValueError(f"expected every $ref to begin with `#/`, got {ref[:80]!r}")
    for key in (*_NAMED_PLACES, "$id") if depth else _NAMED_PLACES:
        if isinstance(table.get(key), str):
            raise ValueError(f"expected no {key} inside of a schema; refer with `#/`")
    for item in table.values():
        _check_refs(item, depth + 1)


def _schema(value: object) -> object:
    if isinstance(value, dict):
        check_schema(cast("JsonSchema", value))
    elif value is not None and not _SCHEMA_FILE.fullmatch(str(value)):
        raise ValueError("expected a JSON Schema, or the path of a .json or .yaml file with one")
    return value


TopicName = Annotated[
    str, Field(pattern=rf"^{_WORD}(\.{_WORD}){{0,15}}$"), AfterValidator(_topic_name)
]
_Field = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.$-]{1,100}$")]


class Topic(Model):
    """A topic of the bus: what its messages mean, who sends and who reads them."""

    description: str = ""
    """For people."""
    payload_schema: Annotated[
        JsonSchema | str | None,
        Field(alias="schema"),
        BeforeValidator(_schema, json_schema_input_type=JsonSchema | str | None),
    ] = None
    """JSON Schema of the messages' data, or the path of a .json or .yaml file with one, from the
    suite file's folder. None lets anything pass."""
    publishers: tuple[Name, ...] = ()
    """Services that send it."""
    subscribers: tuple[Name, ...] = ()
    """Services that read it."""
    key: _Field | None = None
    """Field of the data; messages with the same value in it keep their order."""
    priorities: Flag = False
    """Whether messages are sent as high, normal and low."""
