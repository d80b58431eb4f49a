"""Repairs a slice, so that a mock made from it judges: each fault here was met at a vendor's."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tools.specs import patterns
from tools.specs.pointers import resolved
from tools.specs.tree import objects

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.specs.tree import Document, Node

    Repair = Callable[[Document], int]

MAX_EXAMPLE_BYTES = 12_000
MAX_PROSE = 80
_BODILESS = ("delete", "get", "head")
_TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}
_MANGLED = re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d{2} \d{4} \d{2}:\d{2}:\d{2} GMT")
_DATES = {
    "date": re.compile(r"\d{4}-\d{2}-\d{2}"),
    "date-time": re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}.*"),
}


def repaired(document: Document) -> list[str]:
    """Repair `document` itself; what was done, a line for each kind of repair."""
    counts = [(text, repair(document)) for text, repair in REPAIRS]
    return [text.format(count) for text, count in counts if count]


def drop_extensions(document: Document) -> int:
    """Fields that only the vendor's own tools read."""
    return sum(_dropped(item, key) for item in objects(document) for key in list(item) if _own(key))


def drop_prose(document: Document) -> int:
    """Descriptions; an answer must have one and keeps its first words."""
    answers = {
        id(answer)
        for item in objects(document)
        for answer in (item.get("responses") or {}).values()
        if isinstance(answer, dict)
    }
    count = 0
    for item in objects(document):
        if id(item) in answers and "description" in item:
            item["description"] = _first_words(item["description"])
        else:
            count += _dropped(item, "description")
        count += sum(_dropped(item, key) for key in ("summary", "externalDocs", "tags"))
    return count


def drop_patterns(document: Document) -> int:
    """Patterns that JavaScript refuses."""
    holders = [item for item in objects(document) if isinstance(item.get("pattern"), str)]
    bad = patterns.refused(item["pattern"] for item in holders)
    return sum(_dropped(item, "pattern") for item in holders if item["pattern"] in bad)


def mend_enums(document: Document) -> int:
    """Values that stand twice, or that a program turned into the time of its run."""
    count = 0
    for item in objects(document):
        values = item.get("enum")
        if not isinstance(values, list):
            continue
        seen = {json.dumps(value): value for value in values if not mangled(value)}
        if len(seen) == len(values):
            continue
        count += 1
        if seen:
            item["enum"] = list(seen.values())
        else:
            del item["enum"]
    return count


def drop_encodings(document: Document) -> int:
    """How form fields are encoded: the mock then misses fields that are there."""
    return sum(_dropped(item, "encoding") for item in objects(document) if "schema" in item)


def drop_deep_parameters(document: Document) -> int:
    """Optional parameters such as `created[gte]`, which the mock does not see."""
    count = 0
    for item in objects(document):
        found = item.get("parameters")
        if isinstance(found, list):
            kept = [one for one in found if one.get("style") != "deepObject" or one.get("required")]
            count += len(found) - len(kept)
            item["parameters"] = kept
    return count


def require_bodies(document: Document) -> int:
    """A body with a field that must be there must be there: else the mock takes none at all."""
    count = 0
    for item in objects(document):
        body = item.get("requestBody")
        if isinstance(body, dict) and not body.get("required") and _must_have(document, body):
            body["required"] = True
            count += 1
    return count


def drop_bodies(document: Document) -> int:
    """Bodies of requests that send none."""
    items = [item for item in document["paths"].values() if isinstance(item, dict)]
    return sum(
        _dropped(item.get(method, {}), "requestBody") for item in items for method in _BODILESS
    )


def drop_examples(document: Document) -> int:
    """Examples that are long, or are not of their own schema."""
    count = 0
    for item in objects(document):
        if "example" in item and (mangled(item["example"]) or not _fits(item, item["example"])):
            count += _dropped(item, "example")
        if "default" in item and mangled(item["default"]):
            count += _dropped(item, "default")
        if "examples" in item:
            count += _one_example(item)
        if _long(item.get("example")):
            count += _dropped(item, "example")
    return count


REPAIRS: tuple[tuple[str, Repair], ...] = (
    ("dropped {} fields of the vendor's own tools", drop_extensions),
    ("dropped {} descriptions", drop_prose),
    ("dropped {} patterns that JavaScript refuses", drop_patterns),
    ("mended {} enums with repeated or mangled values", mend_enums),
    ("dropped {} encodings of form fields", drop_encodings),
    ("dropped {} optional deepObject parameters", drop_deep_parameters),
    ("dropped {} bodies of requests that send none", drop_bodies),
    ("made {} bodies with required fields required", require_bodies),
    ("dropped {} examples that are long, many or wrong", drop_examples),
)


def _must_have(document: Document, body: Document) -> bool:
    schemas = [media["schema"] for media in body.get("content", {}).values() if "schema" in media]
    return any(
        (resolved(document, schema["$ref"]) if "$ref" in schema else schema).get("required")
        for schema in schemas
    )


def _own(key: str) -> bool:
    return key.startswith("x-")


def _dropped(item: Document, key: str) -> int:
    if key not in item:
        return 0
    del item[key]
    return 1


def _first_words(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MAX_PROSE else line[: MAX_PROSE - 1].rstrip() + "…"


def mangled(value: Node) -> bool:
    """Whether a program turned a date into a text of its own."""
    return isinstance(value, str) and _MANGLED.match(value) is not None


def _long(value: Node) -> bool:
    return len(json.dumps(value)) > MAX_EXAMPLE_BYTES


def _one_example(item: Document) -> int:
    """Of several examples the longest that is not too long stays: it says most."""
    examples = item["examples"]
    if not isinstance(examples, dict):
        return _dropped(item, "examples")
    kept = [name for name in sorted(examples) if not _long(examples[name])]
    if not kept:
        return _dropped(item, "examples")
    best = max(kept, key=lambda name: len(json.dumps(examples[name])))
    item["examples"] = {best: examples[best]}
    return len(examples) - 1


def _fits(schema: Document, example: Node) -> bool:
    """Whether an example is of the type, the values and the form that stand beside it."""
    if example is None:
        return bool(schema.get("nullable"))
    expected = _TYPES.get(str(schema.get("type")))
    if expected and not isinstance(example, expected):
        return False
    if schema.get("type") in {"integer", "number"} and isinstance(example, bool):
        return False
    if "enum" in schema and example not in schema["enum"]:
        return False
    form = _DATES.get(str(schema.get("format")))
    return form is None or (isinstance(example, str) and form.fullmatch(example) is not None)
