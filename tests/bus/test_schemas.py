"""What the data of a topic must look like."""

from pathlib import Path

import pytest

from intertie.bus.schemas import Schemas
from intertie.errors import BusError

PLAYED = {
    "type": "object",
    "properties": {"n": {"type": "integer"}, "at": {"type": "string", "format": "date-time"}},
    "required": ["n"],
}


def test_a_topic_without_a_schema_may_carry_anything() -> None:
    """Nobody declared it."""
    Schemas({"a": PLAYED}).check("b", {"n": "x"})


def test_data_that_matches_passes() -> None:
    """Formats count."""
    Schemas({"a": PLAYED}).check("a", {"n": 1, "at": "2026-01-02T03:04:05Z"})


def test_every_mistake_is_told_with_its_place() -> None:
    """As the dead letter's reason has it."""
    with pytest.raises(BusError) as caught:
        Schemas({"a": PLAYED}).check("a", {"n": "one", "at": "noon"})

    told = str(caught.value)
    assert told.startswith("does not match the schema of a: ")
    assert 'n: "one" is not of type "integer"' in told
    assert 'at: "noon" is not a "date-time"' in told


def test_many_mistakes_are_counted() -> None:
    """A reason is to be read."""
    schema = {"type": "array", "items": {"type": "integer"}}
    with pytest.raises(BusError, match="; and 15 more"):
        Schemas({"a": schema}).check("a", ["x"] * 20)


def test_what_is_no_schema_is_refused() -> None:
    """When the suite starts, not when the first event comes."""
    with pytest.raises(BusError, match="cannot use the schema of a"):
        Schemas({"a": {"type": "whole number"}})


def test_schemas_are_read_from_a_file(tmp_path: Path) -> None:
    """Services get its path."""
    file = tmp_path / "schemas.json"
    file.write_text('{"a": {"required": ["n"]}}')
    with pytest.raises(BusError, match="does not match"):
        Schemas.read(file).check("a", {})
    file.write_text("{")
    with pytest.raises(BusError, match="cannot read the schemas of the bus"):
        Schemas.read(file)


@pytest.mark.parametrize("data", [{"n": object()}, {"n": b"1"}, {1: 2}, {"n": "\ud800"}])
def test_what_is_no_json_does_not_match(data: object) -> None:
    """It is told as any other mistake."""
    with pytest.raises(BusError, match="no JSON"):
        Schemas({"a": PLAYED}).check("a", data)
