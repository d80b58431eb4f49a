"""Messages of the protocol."""

from datetime import UTC, datetime

import pytest
from google.protobuf.json_format import MessageToDict

from intertie.api import rpc_messages as messages
from intertie.api.pb import control_pb2 as pb
from intertie.control.health import Report, ServiceHealth
from intertie.event import Event
from intertie.plan import Plan, Replica, ServiceStatus, State, Step
from intertie.runtime.change import Change, ChangeStatus, StepRecord
from intertie.runtime.component import Status
from intertie.suite.service import Service

AT = datetime(2026, 1, 31, 12, 0, 0, 250_000, tzinfo=UTC)


def test_a_service_keeps_what_is_not_there_apart_from_zero() -> None:
    """A replica without a process has no pid; index 0 is one."""
    replica = Replica("a", 0, State.STOPPED, None, 8080, AT, 0, "stopped by you")
    found = messages.service(ServiceStatus("a", Service(command=("sleep", "1")), (replica,)))

    assert not found.replicas[0].HasField("pid")
    assert found.replicas[0].port == 8080
    assert found.replicas[0].state == "stopped"
    assert found.replicas[0].since.ToDatetime(tzinfo=UTC) == AT
    assert found.status == pb.STATUS_DOWN
    assert not found.engine


@pytest.mark.parametrize("status", ["doing", "done", "failed", "aborted"])
def test_each_status_of_a_change_has_a_word(status: ChangeStatus) -> None:
    """None is unspecified."""
    step = StepRecord(action="start", service="a", why=("new",), status="doing", began_at=AT)
    change = Change(
        id="1",
        title="t",
        actor="me",
        status=status,
        steps=(step,),
        began_at=AT,
    )
    found = messages.change(change)

    assert pb.ChangeStatus.Name(found.status) == f"CHANGE_STATUS_{status.upper()}"
    assert not found.HasField("ended_at")
    assert not found.HasField("error")
    assert list(found.steps[0].why) == ["new"]


def test_an_event_keeps_its_data() -> None:
    """Lists, objects and null too."""
    data: dict[str, object] = {"a": 1, "b": [True, None, {"c": "d"}]}
    event = Event(id="1", source="s", type="t", subject="x", time=AT, data=data)
    found = messages.event(event)

    assert MessageToDict(found.data) == {"a": 1.0, "b": [True, None, {"c": "d"}]}
    assert pb.Event.FromString(found.SerializeToString()) == found


def test_a_health_report_has_every_service() -> None:
    """With its dependencies, and why it is not up."""
    services = {"a": ServiceHealth(Status.DEGRADED, {"b": Status.UP}, "flapping")}
    found = messages.health(Report(Status.DEGRADED, AT, services, {"api": "http://x"}))

    assert found.status == pb.STATUS_DEGRADED
    assert found.services["a"].dependencies["b"] == pb.STATUS_UP
    assert found.services["a"].error == "flapping"
    assert found.addresses["api"] == "http://x"


def test_a_plan_is_told_twice() -> None:
    """For programs and for people."""
    found = messages.plan(Plan((Step("start", "a", ("it is new",)),)))

    assert (found.steps[0].action, found.steps[0].service) == ("start", "a")
    assert len(found.lines) >= 1
