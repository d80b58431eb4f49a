"""Types of the schema."""

from datetime import UTC, datetime

from intertie.api import graphql_types as types
from intertie.event import Event
from intertie.plan import Replica, ServiceStatus, State
from intertie.runtime.component import Status
from intertie.suite.service import Service

AT = datetime(2026, 1, 31, tzinfo=UTC)


def test_a_service_has_its_replicas() -> None:
    """With the state's own word."""
    replica = Replica("a", 1, State.RUNNING, 7, None, AT, 3, "ready")
    found = types.Service.of(ServiceStatus("a", Service(command=("sleep", "1")), (replica,)))

    assert (found.name, found.engine, found.status) == ("a", False, Status.UP)
    assert (found.replicas[0].pid, found.replicas[0].restarts) == (7, 3)


def test_an_event_has_its_data_as_json() -> None:
    """Whatever is in it."""
    event = Event(id="1", source="s", type="t", subject="x", time=AT, data={"a": [1, None]})

    data: object = types.Event.of(event).data

    assert data == {"a": [1, None]}
