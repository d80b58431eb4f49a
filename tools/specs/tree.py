"""Walks an OpenAPI or Swagger document, telling its words from the names that vendors chose."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Node = Any
"""A JSON value of a foreign document."""
Document = dict[str, Any]
METHODS = frozenset({"delete", "get", "head", "options", "patch", "post", "put", "trace"})

_NAMED = frozenset(
    {
        "content",
        "definitions",
        "headers",
        "parameters",
        "paths",
        "patternProperties",
        "properties",
        "requestBodies",
        "responses",
        "schemas",
        "securityDefinitions",
        "securitySchemes",
        "variables",
    }
)
"""Words whose value maps names to objects: a property may be called `pattern`."""
_DATA = frozenset(
    {"const", "default", "enum", "example", "examples", "mapping", "required", "scopes", "security"}
)


class SpecError(Exception):
    """A slice of a vendor's description cannot be made."""


def objects(node: Node, *, names: bool = False) -> Iterator[dict[str, Any]]:
    """Each object that describes something, outer ones first; it may be changed when it comes.

    `names` says that the keys of `node` are names.
    """
    if isinstance(node, list):
        for item in node:
            yield from objects(item)
    elif isinstance(node, dict):
        if not names:
            yield node
        for key, value in list(node.items()):
            if names:
                yield from objects(value)
            elif key not in _DATA and not key.startswith("x-"):
                yield from objects(value, names=key in _NAMED)


def references(node: Node) -> set[str]:
    """The pointers that `node` refers to."""
    return {item["$ref"] for item in objects(node) if isinstance(item.get("$ref"), str)}


def copied(node: Node) -> Node:
    """A deep copy that holds only what JSON can: keys are strings."""
    return json.loads(json.dumps(node))
