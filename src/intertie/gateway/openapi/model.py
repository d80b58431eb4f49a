"""What an OpenAPI document says, in one form for all its versions."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, TypeAlias

from intertie.gateway.openapi.refs import Refs
from intertie.gateway.openapi.source import Spot

Where: TypeAlias = Literal["path", "query", "header", "cookie"]
Style: TypeAlias = Literal[
    "simple",
    "label",
    "matrix",
    "form",
    "spaceDelimited",
    "pipeDelimited",
    "tabDelimited",
    "deepObject",
]
Requirement: TypeAlias = tuple[tuple[str, tuple[str, ...]], ...]
"""Schemes that are needed together, each with its scopes."""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Dialect(StrEnum):
    """Of the document, which is also that of its schemas."""

    SWAGGER = "2.0"
    V30 = "3.0"
    V31 = "3.1"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value that a request has beside its body."""

    name: str
    where: Where
    schema: Spot | None
    style: Style
    explode: bool
    required: bool = False
    media: str = ""
    """When it is a whole document: of what kind."""
    allow_empty: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form."""

    name: str
    schema: Spot
    required: bool
    style: Style = "form"
    explode: bool = True


@dataclass(frozen=True, slots=True)
class Media:
    """A kind of body."""

    type: str
    """May end with `*`."""
    schema: Spot | None
    fields: tuple[Field, ...] = ()
    """Of Swagger's forms, which have no schema."""
    encoding: Mapping[str, tuple[Style, bool]] | None = None
    """Style and explode of a form's fields."""


@dataclass(frozen=True, slots=True)
class Body:
    """What a request may carry."""

    media: tuple[Media, ...]
    required: bool
    description: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    path: str
    """As the document has it, below the base path."""
    base_path: str
    """Of the first server, with no slash at its end; empty for none."""
    method: str
    spot: Spot
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    security: tuple[Requirement, ...] | None = None
    """Any one of these; an empty one is met by everybody. None: the document says nothing."""
    operation_id: str = ""
    summary: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    deprecated: bool = False
    settings: Mapping[str, Spot] | None = None
    """Keys of a route, from `x-intertie`."""

    @property
    def full_path(self) -> str:
        """As its service has it."""
        return self.base_path + self.path

    @property
    def open(self) -> bool | None:
        """Whether nobody needs to say who they are; None: the document says nothing."""
        return None if self.security is None else () in self.security or not self.security


@dataclass(frozen=True, slots=True)
class Document:
    """A whole document without faults."""

    file: Path
    dialect: Dialect
    title: str
    version: str
    operations: tuple[Operation, ...]
    schemes: Mapping[str, Spot]
    """How callers say who they are."""
    refs: Refs

    @property
    def base_paths(self) -> tuple[str, ...]:
        """Each once."""
        return tuple(dict.fromkeys(operation.base_path for operation in self.operations))

    @property
    def paths(self) -> tuple[str, ...]:
        """Each path once, in the document's order."""
        return tuple(dict.fromkeys(operation.path for operation in self.operations))
