"""One operation of a service's document, as it stands in that of the gateway."""

import json
from typing import Any

from intertie.gateway.openapi.details import Details, Names, path_parameter
from tests.gateway.openapi.documents import described, loaded, operation, parameter


def details(given: Any, **more: Any) -> tuple[Any, Any]:
    """The one operation, and the schemas that it refers to."""
    document = loaded(described({"/a/{id}": {"post": given}}, **more))
    made = Details(document, "shop", Names())
    found = made.of(document.operations[0], "/a/{id}")
    return json.loads(json.dumps(found)), json.loads(json.dumps(made.schemas))


def test_older_words_become_those_of_3_1() -> None:
    """With everything that is for people."""
    schema = {"type": "string", "nullable": True, "description": "A name.", "readOnly": True}

    found, schemas = details(
        operation(body={"$ref": "#/components/schemas/Name"}, summary="Add", deprecated=True),
        components={"schemas": {"Name": schema}},
    )

    assert found["summary"] == "Add"
    assert found["deprecated"] is True
    assert found["parameters"] == [path_parameter("id")]
    content = found["requestBody"]["content"]
    assert content == {"application/json": {"schema": {"$ref": "#/components/schemas/Name"}}}
    assert schemas == {
        "Name": {"type": ["string", "null"], "description": "A name.", "readOnly": True}
    }


def test_answers_are_told() -> None:
    """With their headers and content; what is broken in them is left out."""
    answer = {
        "content": {"application/json": {"schema": {"type": "text"}}},
        "headers": {"X-Left": {"description": "More.", "schema": {"type": "integer"}}},
    }

    found, _ = details(
        operation(parameter("path", "id", {}), responses={"201": answer, "nonsense": {}})
    )

    assert found["responses"] == {
        "201": {
            "description": "Created",
            "headers": {"X-Left": {"description": "More.", "schema": {"type": "integer"}}},
            "content": {"application/json": {"schema": {}}},
        }
    }


def test_discriminators_name_schemas_of_the_new_document() -> None:
    """Whatever they are called there."""
    pet = {
        "oneOf": [{"$ref": "#/components/schemas/Cat"}],
        "discriminator": {"propertyName": "kind", "mapping": {"cat": "Cat"}},
    }

    _, schemas = details(
        operation(body={"$ref": "#/components/schemas/Pet"}),
        components={"schemas": {"Pet": pet, "Cat": {"type": "object"}}},
    )

    assert schemas["Pet"]["discriminator"]["mapping"] == {"cat": "#/components/schemas/Cat"}


def test_names_never_clash() -> None:
    """Nor do they with a refusal's schema, nor differ in case alone."""
    names = Names()

    assert [names.take("User", "a"), names.take("User", "b"), names.take("user", "b")] == [
        "User",
        "b.User",
        "b.user.2",
    ]
    assert names.take("Problem", "a") == "a.Problem"
    assert names.take("Page«User»", "a") == "Page_User"
