"""How much work schemas can make of one value."""

import time
from typing import Any

import pytest

from intertie.gateway.openapi.cost import CostError, Costs
from tests.gateway.openapi.documents import one


def to(name: str) -> dict[str, str]:
    """A reference."""
    return {"$ref": f"#/{name}"}


def can_tell(**found: Any) -> bool:
    """Of the schema `a`, and all that it refers to."""
    return Costs(found, "#/").check(to("a"))


def test_plain_schemas_tell_what_is_wrong() -> None:
    """Also when they fork, or lead into themselves."""
    assert can_tell(a={"type": "string"})
    assert can_tell(a={"anyOf": [{"type": "string"}, to("b")]}, b={})
    assert can_tell(a={"properties": {"x": to("a"), "y": {"items": to("a")}}})


def test_schemas_that_fork_into_themselves_do_not() -> None:
    """Each way through them would be told: two at each level."""
    assert not can_tell(a={"anyOf": [{"properties": {"x": to("a")}}, {"items": to("a")}]})
    assert not can_tell(a={"items": to("b")}, b={"oneOf": [{}, {"items": to("a")}]})


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"a": {"allOf": [to("a")]}}, "only itself"),
        ({"a": {"not": to("b")}, "b": {"anyOf": [{}, to("a")]}}, "only itself"),
        ({"a": {}, **{f"c{i}": to(f"c{i + 1}") for i in range(3_000)}}, "leads to the next"),
        (
            {
                "a": to("p0"),
                **{
                    f"p{i}": {"patternProperties": {"^a": to(f"p{i + 1}"), "a": to(f"p{i + 1}")}}
                    for i in range(30)
                },
            },
            "unfold to less",
        ),
    ],
)
def test_schemas_without_end_are_refused(found: Any, said: str) -> None:
    """Before a value is ever checked with them."""
    with pytest.raises(CostError, match=said):
        can_tell(**found)


def test_thousands_of_schemas_are_looked_at_quickly() -> None:
    """That all lead to each other, or each to the next."""
    began = time.process_time()

    assert can_tell(
        **{
            chr(97 + i): {"properties": {chr(97 + j): to(chr(97 + j)) for j in range(26)}}
            for i in range(26)
        }
    )
    with pytest.raises(CostError):
        can_tell(a={}, **{f"c{i}": {"items": to(f"c{i + 1}")} for i in range(30_000)})
    assert time.process_time() - began < 10


def test_a_deep_value_of_such_a_schema_is_refused_at_once() -> None:
    """Without a word of where it is wrong, which would take longer than anybody waits."""
    node = {
        "type": "object",
        "anyOf": [{"properties": {"x": {"$ref": "#/components/schemas/N"}}}] * 2,
    }
    asker = one({"$ref": "#/components/schemas/N"}, components={"schemas": {"N": node}})
    value: Any = 3
    for _ in range(60):
        value = {"x": value}
    began = time.process_time()

    [wrong] = asker.post("/a", value)

    assert (wrong.name, wrong.message) == ("", "is not as described")
    assert time.process_time() - began < 1
