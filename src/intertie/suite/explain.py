"""What pydantic finds wrong, in the words of a suite file: what was expected, what was got."""

import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from intertie.errors import Fault
from intertie.suite.model import Suite
from intertie.suite.nearest import did_you_mean, nearest
from intertie.suite.service import Service
from intertie.suite.tree import Keys, Places
from intertie.suite.values import Model, Name, Umask, UrlPath

MAX_SHOWN = 40
FILE_KEYS: Mapping[type[Model], tuple[str, ...]] = {
    Suite: ("include", "environments"),
    Service: ("extends",),
}
"""Keys of the file that are gone before the models see it."""

_MAP = "expected a map of keys"
_EXPECTED = {
    "string_type": "expected text",
    "int_type": "expected a whole number",
    "bool_type": "expected true or false",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "dict_type": _MAP,
    "model_type": _MAP,
    "model_attributes_type": _MAP,
    "greater_than_equal": "expected a number of at least {ge}",
    "greater_than": "expected more than {gt:g}",
    "less_than_equal": "expected a number of at most {le}",
    "too_short": "expected at least {min_length}, got {actual_length}",
    "enum": "expected {expected}",
    "literal_error": "expected {expected}",
}
_ELSEWHERE = {
    "cmd": "command",
    "cwd": "working_dir",
    "entrypoint": "command",
    "env": "environment",
    "ports": "port",
    "retries": "failure_threshold",
    "scale": "replicas",
}
"""Keys that other tools have for a thing ours calls otherwise, too unlike for a nearest word."""


def _pattern(alias: Any) -> str:
    """The pattern of an annotated string type. Any: annotations have no static type."""
    return next(str(item.pattern) for field in alias.__metadata__ for item in field.metadata)


_PATTERNS = {
    _pattern(Name): "expected a name of a-z, 0-9, `_`, `.` and `-`, at most 63 characters",
    _pattern(Umask): "expected octal digits such as 022",
    _pattern(UrlPath): "expected a path that begins with / and has no spaces",
}


def explain(error: ValidationError, where: Places) -> Iterator[Fault]:
    """One fault for each mistake, at the place where it was written."""
    for detail in error.errors(include_url=False):
        keys: Keys = tuple(key for key in detail["loc"] if not str(key).startswith("["))
        if detail["type"] == "rule":
            keys = (*keys, str(_context(detail)["key"]))
        yield where[keys].fault(keys, message(detail), _hint(detail, keys))


def message(detail: ErrorDetails) -> str:
    """What is wrong, without words only a programmer knows."""
    kind, context = detail["type"], _context(detail)
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return "unknown key"
    if kind == "rule":
        return detail["msg"]
    if kind == "value_error":
        expected = str(context["error"])
    elif kind == "string_pattern_mismatch":
        expected = _PATTERNS.get(context["pattern"], f"expected text like {context['pattern']}")
    else:
        expected = _EXPECTED.get(kind, "expected something else").format_map(context)
    return expected if ", got " in expected else f"{expected}, got {shown(detail['input'])}"


def shown(value: object) -> str:
    """A value of the file in a few words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a map"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _hint(detail: ErrorDetails, keys: Keys) -> str:
    word = str(keys[-1]) if keys else ""
    if detail["type"] == "extra_forbidden":
        return _key_hint(word, valid_keys(keys[:-1]))
    if detail["type"] in {"enum", "literal_error"}:
        words = str(_context(detail)["expected"]).replace(" or ", ", ").split(", ")
        return did_you_mean(str(detail["input"]), [item.strip("'") for item in words])
    if detail["type"] == "string_type" and isinstance(detail["input"], int | float):
        return "put it in quotes"
    return ""


def _context(detail: ErrorDetails) -> dict[str, Any]:
    return detail.get("ctx", {})  # Any: what it holds depends on the kind of mistake


def _key_hint(word: str, valid: tuple[str, ...]) -> str:
    other = _ELSEWHERE.get(word)
    close = other if other in valid else nearest(word, valid)
    return f"did you mean `{close}`?" if close else f"there are: {', '.join(valid)}"


def valid_keys(keys: Keys) -> tuple[str, ...]:
    """The keys that may stand in the table at `keys`."""
    model: type[Model] = Suite
    is_name = False
    for key in keys:
        field = model.model_fields.get(str(key))
        if is_name or field is None:
            is_name = False
            continue
        inner, is_name = _model_of(field.annotation)
        model = inner or model
    own = (field.alias or name for name, field in model.model_fields.items())
    return tuple(sorted((*own, *FILE_KEYS.get(model, ()))))


def _model_of(annotation: Any) -> tuple[type[Model] | None, bool]:
    """The model in an annotation, and whether a name or index stands between. Any: as above."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        return annotation, False
    found = next((m for arg in typing.get_args(annotation) if (m := _model_of(arg)[0])), None)
    return found, typing.get_origin(annotation) in {dict, tuple}
