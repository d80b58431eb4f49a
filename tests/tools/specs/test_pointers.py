"""References are followed, named, bounded."""

import pytest

from tools.specs.pointers import closure, expanded, name_all, open_others, resolved
from tools.specs.tree import Document, SpecError


def schemas(**found: object) -> Document:
    """A document with these schemas."""
    return {"components": {"schemas": found}}


def ref(name: str) -> dict[str, str]:
    """A reference to one of them."""
    return {"$ref": f"#/components/schemas/{name}"}


def test_a_pointer_is_decoded_and_leads_through_references() -> None:
    """As in the bundles of the OpenAPI directory."""
    document = schemas(A={"items": [1, 2]}) | {"paths": {"/v1/{a}": ref("A")}}

    assert resolved(document, "#/paths/~1v1~1%7Ba%7D/items/1") == 2


@pytest.mark.parametrize("pointer", ["#/nowhere", "#/components/x", "other.json#/a", "#/list/9"])
def test_a_pointer_to_nothing_is_said(pointer: str) -> None:
    """Also one that leaves the document."""
    with pytest.raises(SpecError, match="cannot follow"):
        resolved({"components": {}, "list": []}, pointer)


def test_the_closure_ends_where_it_is_told() -> None:
    """Circles are no trap."""
    document = schemas(A={"items": ref("B")}, B={"items": ref("C")}, C={"items": ref("A")})

    assert {at[-1] for at in closure(document, ref("A"))} == {"A", "B", "C"}
    assert {at[-1] for at in closure(document, ref("A"), 2)} == {"A", "B"}
    assert closure(document, ref("A"), 0) == set()


def test_what_is_referred_to_by_place_gets_a_name() -> None:
    """Both see the same name afterwards."""
    answers = {"404": {"description": "none"}, "200": {"description": "well"}}
    document: Document = {"paths": {"/a": {"get": {"responses": answers}}}}
    node: Document = {"responses": {"404": {"$ref": "#/paths/~1a/get/responses/404"}}}

    count = name_all(document, node)

    pointer = node["responses"]["404"]["$ref"]
    assert count == 1
    assert pointer.startswith("#/components/responses/")
    assert resolved(document, pointer) == {"description": "none"}


def test_what_is_not_kept_is_left_open() -> None:
    """Any object passes there."""
    node: Document = {"properties": {"a": ref("A"), "b": ref("B")}}

    assert open_others(node, {"#/components/schemas/A"}) == 1
    assert node == {"properties": {"a": ref("A"), "b": {"type": "object"}}}


def test_data_is_expanded() -> None:
    """References within examples are replaced by what they lead to."""
    document = {"examples": {"a": {"value": 5}}}

    assert expanded(document, [{"x": {"$ref": "#/examples/a/value"}}, 1]) == [{"x": 5}, 1]
