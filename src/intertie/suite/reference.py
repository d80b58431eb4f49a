"""The reference of the suite file as Markdown, from the same schema that editors use."""

import json
from collections.abc import Iterator
from typing import Any

from intertie.suite.schema import build

BEGIN = "<!-- reference: made from the models by `make generate` -->"
END = "<!-- end of reference -->"
_SKIPPED = {"Reference", "Extends"}
_NAMES = {"integer": "whole number", "string": "text", "boolean": "true or false", "null": ""}


def render() -> str:
    """A section for each kind of table, in the order they are first met from the top."""
    schema = build()
    defs: dict[str, Any] = schema["$defs"]  # Any: JSON Schema has no narrower static type
    tables = {"The file": schema}
    waiting = [schema]
    while waiting:
        for name in _refs(waiting.pop(0)):
            if name not in tables and _is_own(name):
                tables[name] = defs[name]
                waiting.append(defs[name])
    return "\n".join(_section(name, table) for name, table in tables.items())


def insert(page: str) -> str:
    """The page with the text between its two marks made anew."""
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n\n{render()}\n{END}{after}"


def _section(name: str, table: Any) -> str:
    """One table. A heading, what it is, and a row for each key."""
    lines = [f"### {name}", ""]
    if name != "The file":
        lines += [table["description"], ""]
    lines += ["| key | value | default | |", "|---|---|---|---|"]
    required = table.get("required", [])
    for key, item in table["properties"].items():
        default = "required" if key in required else _default(item)
        words = (f"`{key}`", _type(item), default, item.get("description", ""))
        lines.append("| " + " | ".join(word.replace("|", "\\|") for word in words) + " |")
    return "\n".join([*lines, ""])


def _default(item: Any) -> str:
    default = item.get("default")
    if default in (None, {}, []) or isinstance(default, dict):
        return ""
    if isinstance(default, float) and default.is_integer():
        default = int(default)
    words = default if isinstance(default, list) else [default]
    return ", ".join(f"`{w if isinstance(w, str) else json.dumps(w)}`" for w in words)


def _type(item: Any) -> str:
    if branches := item.get("anyOf", item.get("oneOf")):
        words = dict.fromkeys(word for branch in branches if (word := _type(branch)))
        return "duration" if set(words) == {"text", "number"} else " or ".join(words)
    if "$ref" in item:
        return _link(item["$ref"].rpartition("/")[2])
    if words := item.get("enum", [item["const"]] if "const" in item else []):
        return ", ".join(f"`{word}`" for word in words)
    if item["type"] == "array":
        return f"list of {_type(item['items'])}"
    if item["type"] == "object":
        inner = item.get("additionalProperties")
        return f"map of {_type(inner)}" if isinstance(inner, dict) else "map"
    return _NAMES.get(item["type"], "number")


def _link(name: str) -> str:
    if name == "Reference":
        return ""
    return f"[{name}](#{name.lower()})" if _is_own(name) else "map"


def _is_own(name: str) -> bool:
    return name not in _SKIPPED and not name.endswith("Overlay")


def _refs(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].rpartition("/")[2]
        for key, item in schema.items():
            if key != "$defs":
                yield from _refs(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from _refs(item)
