"""The description of `/api/live`."""

import json
from pathlib import Path

import jsonschema_rs
import pytest

from intertie.api.live_socket_asyncapi import render
from tests.control.test_asyncapi import parsed, parser

__all__ = ["parser"]
DOCUMENT = json.loads(render())


@pytest.mark.parametrize(
    ("name", "message", "valid"),
    [
        ("Ping", {"type": "ping"}, True),
        ("SubscribeEvents", {"type": "subscribe", "id": "1", "channel": "events"}, True),
        ("SubscribeEvents", {"type": "subscribe", "id": "", "channel": "events"}, False),
        ("SubscribeLogs", {"type": "subscribe", "id": "1", "channel": "logs", "x": 1}, False),
        ("Complete", {"type": "complete", "id": "1", "reason": "behind"}, True),
    ],
)
def test_schemas_say_what_is_taken(name: str, message: dict[str, object], valid: bool) -> None:
    """A client can check its messages by them."""
    schema = {**DOCUMENT["components"]["messages"][name]["payload"], **DOCUMENT}

    assert jsonschema_rs.validator_for(schema).is_valid(message) is valid


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_the_official_parser_finds_no_fault(parser: Path, tmp_path: Path) -> None:
    """No error and no warning."""
    found = parsed(parser, tmp_path, {"live": DOCUMENT})

    assert found["live"] == {"channels": ["/api/live"], "faults": []}
