"""Follows references inside a document, and gives a name to what is referred to without one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tools.specs.tree import SpecError, copied, objects, references

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from tools.specs.tree import Document, Node

SECTIONS = frozenset({"headers", "parameters", "requestBodies", "responses", "schemas"})
_NAMED = re.compile(r"#/(?:components/[A-Za-z]+|definitions|parameters|responses)/[^/]+")


def resolved(document: Document, pointer: str) -> Node:
    """What `pointer` leads to, following references on the way."""
    if not pointer.startswith("#/"):
        raise SpecError(f"cannot follow {pointer}: only references within the document are")
    node: Node = document
    for part in parts(pointer):
        if isinstance(node, dict) and "$ref" in node:
            node = resolved(document, node["$ref"])
        try:
            node = node[int(part)] if isinstance(node, list) else node[part]
        except (KeyError, IndexError, TypeError, ValueError):
            raise SpecError(f"cannot follow {pointer}: there is no {part!r}") from None
    return node


def expanded(document: Document, node: Node) -> Node:
    """`node` with all it refers to in its place; for data, which never leads back to itself."""
    if isinstance(node, list):
        return [expanded(document, item) for item in node]
    if not isinstance(node, dict):
        return node
    if isinstance(node.get("$ref"), str):
        return expanded(document, resolved(document, node["$ref"]))
    return {key: expanded(document, value) for key, value in node.items()}


def parts(pointer: str) -> list[str]:
    """The steps of a pointer, decoded."""
    steps = unquote(pointer).removeprefix("#/").split("/")
    return [step.replace("~1", "/").replace("~0", "~") for step in steps]


def closure(document: Document, node: Node, depth: int | None = None) -> set[str]:
    """Pointers that `node` leads to, directly and through others, at most `depth` steps away."""
    found: set[str] = set()
    level, steps = references(node), 0
    while level and (depth is None or steps < depth):
        found |= level
        level = {ref for at in level for ref in references(resolved(document, at))} - found
        steps += 1
    return found


def name_all(document: Document, node: Node) -> int:
    """Put what `node` refers to by place (`#/paths/…`) among the components, under a name.

    Changes both; the number of places. OpenAPI 3 only.
    """
    moved: dict[str, str] = {}
    waiting = [node]
    while waiting:
        for item in objects(waiting.pop()):
            pointer = item.get("$ref")
            if not isinstance(pointer, str) or _NAMED.fullmatch(pointer):
                continue
            if pointer not in moved:
                section, name = _home(pointer)
                target = copied(resolved(document, pointer))
                document.setdefault("components", {}).setdefault(section, {})[name] = target
                moved[pointer] = f"#/components/{section}/{name}"
                waiting.append(target)
            item["$ref"] = moved[pointer]
    return len(moved)


def open_others(node: Node, kept: AbstractSet[str]) -> int:
    """Make any object of each reference of `node` that is not kept; how many."""
    count = 0
    for item in objects(node):
        if "$ref" in item and item["$ref"] not in kept:
            item.clear()
            item["type"] = "object"
            count += 1
    return count


def _home(pointer: str) -> tuple[str, str]:
    steps = parts(pointer)
    holder = steps[-2] if len(steps) > 1 else ""
    section = holder if holder in SECTIONS else "schemas"
    return section, re.sub(r"[^A-Za-z0-9.-]+", "_", "_".join(steps)).strip("_")
