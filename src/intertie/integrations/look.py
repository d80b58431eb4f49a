"""Looking into an answer whose shape is only partly known."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel


def at(told: Any, path: str) -> Any:
    """What is at a dotted path; None where there is nothing."""
    for name in path.split(".") if path else ():
        if isinstance(told, BaseModel):
            told = getattr(told, name, None)
        elif isinstance(told, dict):
            told = told.get(name)
        elif isinstance(told, list) and name.isdecimal() and int(name) < len(told):
            told = told[int(name)]
        else:
            return None
    return told


def first_text(told: Any, paths: Iterable[str]) -> str:
    """The first of these that is a text; empty when none is."""
    found = (at(told, path) for path in paths)
    return next((each for each in found if isinstance(each, str) and each), "")


def listed(told: Any, path: str) -> Sequence[Any]:
    """The list at a path; empty where there is none."""
    found = at(told, path)
    return found if isinstance(found, list | tuple) else ()
