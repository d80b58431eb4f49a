"""Documents that the tests of AsyncAPI look at."""

from intertie.control.asyncapi import PAYLOADS, document
from intertie.control.asyncapi_schema import Json
from intertie.control.asyncapi_server import Server
from intertie.suite.bus import QueueConfig, QueueType
from intertie.suite.topics import Topic

EVIL = "<script>alert('x')</script>\"&<img src=x onerror=alert(1)>"
ASSET: Json = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://example.com/asset",
    "type": "object",
    "description": "An asset.",
    "required": ["id", "owner"],
    "properties": {
        "id": {"type": "string", "format": "uuid", "description": "Its name."},
        "owner": {"$ref": "#/$defs/Person", "description": "Whose it is."},
        "state": {"enum": ["ready", "failed"]},
        "sizes": {"type": "array", "items": {"type": "integer", "minimum": 1}},
        "next": {"$ref": "#"},
        "discriminator": {"type": "string"},
    },
    "$defs": {
        "Person": {
            "type": "object",
            "required": ["mail"],
            "properties": {"mail": {"type": ["string", "null"], "format": "email"}},
            "discriminator": {"propertyName": "mail"},
        }
    },
}


def topics() -> dict[str, Topic]:
    """Of every kind: told in full, sent only, read only, nobody's, with text that means harm."""
    return {
        "asset.processed": Topic.model_validate(
            {
                "description": "The asset is ready, or will never be.",
                "schema": ASSET,
                "publishers": ["encode"],
                "subscribers": ["library", "search"],
                "key": "id",
                "priorities": True,
            }
        ),
        "from-outside": Topic.model_validate({"subscribers": ["library"]}),
        "to.outside": Topic.model_validate(
            {
                "publishers": ["encode"],
                "schema": {
                    "$schema": "http://json-schema.org/draft-07/schema#",
                    "type": "object",
                    "properties": {"n": {"$ref": "#/definitions/n", "minLength": 99}},
                    "definitions": {"n": {"type": "integer"}},
                },
            }
        ),
        "evil": Topic.model_validate(
            {
                "description": EVIL,
                "schema": {
                    "type": "object",
                    "properties": {EVIL: {"const": EVIL, "description": EVIL}},
                },
            }
        ),
    }


def server(engine: QueueType = QueueType.EMBEDDED) -> Server:
    """The bus of a suite that says no more than that."""
    return Server.of(QueueConfig(engine))


def made(server: Server, topics: dict[str, Topic]) -> Json:
    """The document of a suite."""
    return document(
        suite_name="media", version="1.2.3", server=server, topics=topics, payloads=PAYLOADS
    )
