"""Who runs an operation, and the checks of arguments that the schema cannot state."""

from dataclasses import dataclass
from typing import TypeAlias

from graphql import GraphQLError
from strawberry.types import Info as AnyInfo

from intertie.control.actor import Actor
from intertie.control.use_cases import Control

MOST = 1_000
"""Of anything in one answer."""
_MOST_PAGES = 1_000_000


@dataclass(frozen=True, slots=True)
class Caller:
    """The context of an operation."""

    control: Control
    actor: Actor


Info: TypeAlias = AnyInfo[Caller, None]


def between(value: int, least: int, most: int, name: str) -> int:
    """The value, if it is in the range. Raises GraphQLError."""
    if not least <= value <= most:
        raise GraphQLError(f"cannot use {name}: {value}: it must be from {least} to {most}")
    return value


def pages(page: int, limit: int) -> tuple[int, int]:
    """The same, checked. Raises GraphQLError."""
    return between(page, 1, _MOST_PAGES, "page"), between(limit, 1, MOST, "limit")
