import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from intertie.suite.model import Suite
from intertie.suite.schema import ID, build, render
from intertie.suite.spelling import OTHER_NAMES

STORED = Path(__file__).parent.parent.parent / "schemas" / "suite.schema.json"
SCHEMA = build()


def nodes(schema: Any) -> Iterator[dict[str, Any]]:
    """Every table of a schema, itself included."""
    if isinstance(schema, dict):
        yield schema
        for item in schema.values():
            yield from nodes(item)
    elif isinstance(schema, list):
        for item in schema:
            yield from nodes(item)


def definition(name: str) -> dict[str, Any]:
    """A definition of the schema."""
    found: dict[str, Any] = SCHEMA["$defs"][name]
    return found


def test_the_stored_schema_is_that_of_the_models() -> None:
    """`intertie schema > schemas/suite.schema.json` brings it up to date."""
    assert STORED.read_text() == render()


def test_the_text_is_stable_and_ends_in_a_newline() -> None:
    """Sorted keys, so a difference is a change of the models."""
    assert render().endswith("}\n")
    assert json.loads(render()) == SCHEMA
    assert SCHEMA["$id"] == ID
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_reference_leads_somewhere() -> None:
    """No dangling $ref."""
    refs = {node["$ref"] for node in nodes(SCHEMA) if isinstance(node.get("$ref"), str)}

    assert refs
    for ref in refs:
        assert ref.removeprefix("#/$defs/") in SCHEMA["$defs"]


def test_every_key_is_described() -> None:
    """What an editor shows beside it."""
    for name, schema in {"": SCHEMA, **SCHEMA["$defs"]}.items():
        for key, item in schema.get("properties", {}).items():
            assert item.get("description") or "$ref" in item or name.endswith("Overlay"), (
                name,
                key,
            )


def test_only_words_of_the_standard_are_used() -> None:
    """Constraints of the models are spelt as JSON Schema has them."""
    unknown = {"ge", "gt", "le", "lt", "title"} & {
        key
        for node in nodes(SCHEMA["$defs"])
        for key, value in node.items()
        if not isinstance(value, dict)  # then it is a key of the file, by its name
    }
    assert unknown == set()


def test_the_file_has_keys_the_models_never_see() -> None:
    """Include, overlays, extends and `x-` keys."""
    beside = {"include", "environments", *OTHER_NAMES}
    assert {*Suite.model_fields, *beside} == set(SCHEMA["properties"])
    assert "^x-" in SCHEMA["patternProperties"]
    service = definition("Service")
    assert "extends" in service["properties"]
    assert service["anyOf"] == [{"required": ["command"]}, {"required": ["extends"]}]


def test_a_number_may_be_a_reference() -> None:
    """`port: ${env:PORT}` is valid in a file; free text needs no such branch."""
    reference = {"$ref": "#/$defs/Reference"}
    service = definition("Service")["properties"]

    for key in ("port", "replicas", "stop_grace_period"):
        assert reference in service[key]["anyOf"]
    assert reference in definition("Route")["properties"]["strip"]["anyOf"]
    assert service["stop_signal"]["type"] == "string"


def test_nothing_is_required_of_an_overlay() -> None:
    """Any key may be left out or taken away with null, down to each field of a service."""
    for name, schema in SCHEMA["$defs"].items():
        if name.endswith("Overlay"):
            assert "required" not in schema
            for item in schema["properties"].values():
                assert {"type": "null"} in item["anyOf"]
    assert "suite" not in definition("SuiteOverlay")["properties"]
    health = definition("ServiceOverlay")["properties"]["healthcheck"]
    assert {"$ref": "#/$defs/HealthcheckOverlay"} in health["anyOf"]
