"""Events: CloudEvents attributes and one of our payloads."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from intertie import event
from intertie.event import Event, Payload, ServiceStarted

PAYLOADS = [
    kind
    for kind in vars(event).values()
    if isinstance(kind, type) and issubclass(kind, Payload) and kind is not Payload
]


def test_every_payload_has_a_type_of_its_own() -> None:
    """A reader finds the model by the type; all begin with `suite.` or `alert.`."""
    types = [payload.type for payload in PAYLOADS]

    assert len(set(types)) == len(types) > 0
    assert all(type.startswith(("suite.", "alert.")) for type in types)


def test_the_contract_names_are_kept() -> None:
    """Other programs subscribe to these four names."""
    assert {
        "suite.service_started",
        "suite.service_stopped",
        "suite.service_error",
        "suite.health_check",
    } <= {payload.type for payload in PAYLOADS}


def test_an_event_survives_json() -> None:
    """What was sent is what is read, payload included."""
    payload = ServiceStarted(service="api", replica=0, pid=7, port=80, took_s=0.25)
    sent = Event(
        id="1",
        source="intertie/test",
        type=payload.type,
        subject="api",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        data=payload.model_dump(mode="json"),
    )

    read = Event.model_validate_json(sent.model_dump_json())

    assert read == sent
    assert ServiceStarted.model_validate(read.data) == payload


def test_a_payload_with_an_unknown_key_is_refused() -> None:
    """A misspelt field is found where it is made, not where it is read."""
    with pytest.raises(ValidationError):
        ServiceStarted.model_validate(
            {"service": "a", "replica": 0, "pid": 1, "port": None, "took_s": 0, "prot": 1}
        )
