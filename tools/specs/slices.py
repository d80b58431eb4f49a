"""Cuts out of a description the operations that are used, with all they refer to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.specs.pointers import closure, expanded, name_all, open_others, parts, resolved
from tools.specs.tree import SpecError, copied, objects

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tools.specs.tree import Document, Node

_HEAD = ("openapi", "swagger", "servers", "host", "basePath", "schemes", "consumes", "produces")
_OPERATION = ("consumes", "operationId", "parameters", "produces", "requestBody", "responses")


def sliced(
    document: Document, operations: Sequence[str], answers_depth: int | None = None
) -> tuple[Document, list[str]]:
    """A document with only `operations` (`get /path`), and what was changed besides.

    `answers_depth` bounds how many references deep an answer is described.
    """
    source = copied(document)
    made = {key: source[key] for key in _HEAD if key in source}
    info = source["info"]
    made["info"] = {"title": info["title"], "version": info["version"]}
    made["paths"] = _paths(source, operations)
    notes = _named(source, made)
    notes += _components(source, made, answers_depth)
    _security(source, made)
    return made, notes


def _paths(source: Document, operations: Sequence[str]) -> Document:
    paths: Document = {}
    for operation in operations:
        method, _, path = operation.partition(" ")
        item = source["paths"].get(path, {})
        if method not in item:
            raise SpecError(f"cannot slice {operation}: the description has no such operation")
        kept = {key: item[method][key] for key in _OPERATION if key in item[method]}
        kept["security"] = item[method].get("security", source.get("security", []))
        paths.setdefault(path, {})[method] = kept
        if "parameters" in item:
            paths[path]["parameters"] = item["parameters"]
    return paths


def _named(source: Document, made: Document) -> list[str]:
    # What is used stands in `source` too, so that both see the same names afterwards.
    count = name_all(source, made["paths"]) if "openapi" in source else 0
    return [f"gave a name to {count} parts that were referred to by place"] if count else []


def _components(source: Document, made: Document, depth: int | None) -> list[str]:
    asked, answered, failed = _split(made["paths"])
    kept = closure(source, asked) | closure(source, answered, depth)
    kept |= closure(source, failed, depth and depth + 1)  # an error says what it is one step in
    for pointer in sorted(kept):
        *home, name = parts(pointer)
        holder = made
        for step in home:
            holder = holder.setdefault(step, {})
        holder[name] = resolved(source, pointer)
    _examples(source, made)
    count = open_others(made, kept)
    return [f"left {count} parts of answers open"] if count else []


def _examples(source: Document, made: Document) -> None:
    """Put examples that are referred to where they are used."""
    for item in objects(made):
        if "examples" in item:
            item["examples"] = expanded(source, item["examples"])


def _split(paths: Document) -> tuple[list[Node], list[Node], list[Node]]:
    """What is sent, what comes back when all is well, and what else."""
    asked: list[Node] = []
    answered: list[Node] = []
    failed: list[Node] = []
    for item in paths.values():
        for key, value in item.items():
            if key == "parameters":
                asked.append(value)
                continue
            asked += [value[part] for part in ("parameters", "requestBody") if part in value]
            for status, answer in value["responses"].items():
                (answered if status.startswith("2") else failed).append(answer)
    return asked, answered, failed


def _security(source: Document, made: Document) -> None:
    """Keep the schemes in use, without the scopes they could ask for."""
    operations = [
        value
        for item in made["paths"].values()
        for key, value in item.items()
        if key != "parameters"
    ]
    used = {name for operation in operations for way in operation["security"] for name in way}
    if "openapi" in source:
        schemes = source.get("components", {}).get("securitySchemes", {})
        home = made.setdefault("components", {}).setdefault("securitySchemes", {})
    else:
        schemes = source.get("securityDefinitions", {})
        home = made.setdefault("securityDefinitions", {})
    for name in sorted(used):
        home[name] = schemes[name]
        for flow in (home[name], *home[name].get("flows", {}).values()):
            if "scopes" in flow:
                flow["scopes"] = {}
    for operation in operations:
        operation["security"] = [{name: [] for name in way} for way in operation["security"]]
