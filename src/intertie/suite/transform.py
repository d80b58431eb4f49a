"""How JSON bodies are made into others on their way."""

import re
from typing import Annotated, Self, cast

from pydantic import AfterValidator, JsonValue, WithJsonSchema, model_validator

from intertie.suite.values import Model

PLACE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
"""A place in a text, where a value goes in."""
_FIELD = re.compile(r"(body|header)\.[A-Za-z0-9_-]{1,100}(\.[A-Za-z0-9_-]{1,100}){0,9}")
_DEEPEST = 16


def _fits(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    _look(value, 0)
    return value


def _look(value: object, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"expected no more than {_DEEPEST} levels")
    if isinstance(value, str):
        for name in PLACE.findall(value):
            if not _FIELD.fullmatch(name) or (name.startswith("header.") and name.count(".") > 1):
                raise ValueError(
                    f"expected {{{{body.field.field}}}} or {{{{header.name}}}}, got {{{{{name}}}}}"
                )
    elif isinstance(value, dict):
        for each in cast("dict[str, object]", value).values():
            _look(each, depth + 1)
    elif isinstance(value, list):
        for each in cast("list[object]", value):
            _look(each, depth + 1)


Template = Annotated[
    dict[str, JsonValue], AfterValidator(_fits), WithJsonSchema({"type": "object"})
]


class BodyTransform(Model):
    """A JSON body becomes another one; one of these. A body that is not JSON stays as it is."""

    merge: Template | None = None
    """Fields that are set beside, or in place of, those that are there. `{{body.user.name}}` is the
    value of a field of the body, `{{header.x-team}}` that of a header of the request."""
    replace: Template | None = None
    """All of the new body; values as in `merge`."""

    @model_validator(mode="after")
    def _says_one(self) -> Self:
        if (self.merge is None) == (self.replace is None):
            raise ValueError("expected one of merge and replace")
        return self
