"""A service's own settings: environment variables into the model that the program gives."""

import json
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from intertie.errors import IntertieError

M = TypeVar("M", bound=BaseModel)


def read_settings(model: type[M], variables: Mapping[str, str], *, prefix: str = "") -> M:
    """The model from one variable a field: `max_items` is PREFIXMAX_ITEMS.

    Lists and nested models are JSON. Raises IntertieError that tells every fault at once, without
    the values.
    """
    names = {name: (prefix + name).upper() for name in model.model_fields}
    given = {
        field.alias or name: _value(variables[names[name]], field)
        for name, field in model.model_fields.items()
        if names[name] in variables
    }
    try:
        return model.model_validate(given)
    except ValidationError as exc:
        faults = exc.errors(include_url=False, include_input=False, include_context=False)
        told = [f"  {_place(fault['loc'], model, names)}: {fault['msg']}" for fault in faults]
        raise IntertieError("cannot use the settings:\n" + "\n".join(told)) from exc


def _value(text: str, field: FieldInfo) -> object:
    if field.annotation is str or text[:1] not in {"[", "{"}:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _place(path: tuple[str | int, ...], model: type[BaseModel], names: Mapping[str, str]) -> str:
    """The variable, and the place within it."""
    if not path:
        return ", ".join(names.values())
    by_alias = {field.alias or name: name for name, field in model.model_fields.items()}
    name = by_alias.get(str(path[0]), str(path[0]))
    return ".".join([names.get(name, name), *map(str, path[1:])])
