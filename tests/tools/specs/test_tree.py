"""Words of a description are told from names."""

from tools.specs.tree import copied, objects, references


def test_a_property_may_be_called_like_a_word() -> None:
    """What is below `properties` are names, whatever they are."""
    schema = {"properties": {"properties": {"pattern": "a"}, "pattern": {"type": "string"}}}

    found = list(objects(schema))

    assert found == [schema, {"pattern": "a"}, {"type": "string"}]


def test_data_is_not_described() -> None:
    """Examples, defaults and extensions are left alone."""
    schema = {"example": {"$ref": "#/x"}, "default": {"a": 1}, "enum": [{}], "x-own": {"b": 2}}

    assert list(objects(schema)) == [schema]
    assert references(schema) == set()


def test_an_answer_called_default_is_seen() -> None:
    """Below `responses` it is a name."""
    assert references({"responses": {"default": {"$ref": "#/components/responses/E"}}}) == {
        "#/components/responses/E"
    }


def test_a_copy_holds_only_json() -> None:
    """YAML has numbers as keys."""
    assert copied({200: {"a": [1]}}) == {"200": {"a": [1]}}
