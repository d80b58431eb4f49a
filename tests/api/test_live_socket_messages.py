"""What `/api/live` takes."""

import pytest
from pydantic import ValidationError

from intertie.api.live_socket_messages import SAID, SubscribeLogs


def test_a_message_is_told_by_its_type_and_a_subscription_by_its_channel() -> None:
    """What is left out has the value of the REST API."""
    found = SAID.validate_python({"type": "subscribe", "id": "1", "channel": "logs"})

    assert isinstance(found, SubscribeLogs)
    assert (found.tail, found.services) == (100, [])


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"type": "subscribe"},
        {"type": "subscribe", "id": "1", "channel": "logs", "tail": -1},
        {"type": "subscribe", "id": "1", "channel": "logs", "level": "loud"},
        {"type": "subscribe", "id": "1", "channel": "changes"},
        {"type": "subscribe", "id": "x" * 65, "channel": "health"},
        {"type": "auth", "authorization": "x" * 5_000},
        {"type": "ping", "unknown": True},
    ],
)
def test_what_is_not_described_is_refused(message: dict[str, object]) -> None:
    """Unknown keys and what is out of range too."""
    with pytest.raises(ValidationError):
        SAID.validate_python(message)


def test_messages_have_a_schema() -> None:
    """One for each type."""
    assert set(SAID.json_schema()["discriminator"]["mapping"]) == {
        "auth",
        "ping",
        "unsubscribe",
        "subscribe",
    }
