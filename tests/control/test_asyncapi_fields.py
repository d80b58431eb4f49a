"""Rows for people: every field, its type, whether it must be there, and what it means."""

from intertie.control.asyncapi_fields import FieldRow, fields
from intertie.control.asyncapi_schema import Json, embedded
from tests.control.asyncapi_documents import ASSET


def test_every_field_has_a_row() -> None:
    """Also those of objects within, by dotted names; a schema within itself comes to an end."""
    schema = embedded(ASSET, "a")
    rows = {row.name: row for row in fields({"$ref": "#/components/schemas/a"}, {"a": schema})}

    assert rows["id"] == FieldRow("id", "string", True, 'Its name. · format: "uuid"')
    assert rows["owner.mail"] == FieldRow("owner.mail", "string | null", True, 'format: "email"')
    assert rows["owner"].meaning == "Whose it is."
    assert rows["state"].type == '"ready" | "failed"'
    assert rows["sizes"].type == "array of integer"
    assert rows["next"] == FieldRow("next", "object", False, "An asset.")
    assert set(rows) == {"id", "owner", "owner.mail", "state", "sizes", "next", "discriminator"}


def test_choices_and_lists_of_objects_are_told() -> None:
    """Each with its fields."""
    item: Json = {"properties": {"n": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}}
    schema: Json = {
        "properties": {"items": {"type": "array", "items": item}, "any": True},
        "oneOf": [{"properties": {"left": {"const": 1}}}, {"properties": {"right": {}}}],
    }

    assert [(row.name, row.type) for row in fields(schema, {})] == [
        ("items", "array of object"),
        ("items[].n", "integer | null"),
        ("any", "any"),
        ("left", "any"),
        ("right", "any"),
    ]


def test_few_definitions_do_not_unfold_without_end() -> None:
    """Rows and looks are limited, and what leads nowhere has none."""
    wide: Json = {
        f"wide{n}": {"anyOf": [{"$ref": f"#/components/schemas/wide{n + 1}"}] * 50}
        for n in range(10)
    }
    flat: Json = {"properties": {f"f{n}": {} for n in range(2_000)}}
    holder: Json = {"properties": {"x": {"$ref": "#/components/schemas/wide0"}}}

    assert len(fields(holder, wide)) == 1
    assert len(fields(flat, {})) == 500
    assert fields({"$ref": "#/components/schemas/none"}, {}) == []
    assert fields(True, {}) == []
