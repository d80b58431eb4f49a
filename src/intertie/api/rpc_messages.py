"""What `control` answers, as messages of proto/intertie/v1/control.proto."""

from datetime import datetime

from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from intertie.api.pb import control_pb2 as pb
from intertie.control.health import Report, status_of
from intertie.event import Event
from intertie.plan import Plan, Replica, ServiceStatus, describe
from intertie.runtime.change import Change, StepRecord
from intertie.runtime.component import Status
from intertie.suite.rules import RESERVED

_STATUS = {
    Status.UP: pb.STATUS_UP,
    Status.DEGRADED: pb.STATUS_DEGRADED,
    Status.DOWN: pb.STATUS_DOWN,
}


def service(found: ServiceStatus) -> pb.Service:
    """A service with its replicas."""
    return pb.Service(
        name=found.name,
        engine=found.name in RESERVED,
        status=_status(status_of(found)),
        depends_on=list(found.spec.depends_on),
        replicas=[_replica(each) for each in found.replicas],
    )


def _replica(found: Replica) -> pb.Replica:
    return pb.Replica(
        index=found.index,
        state=found.state.value,
        pid=found.pid,
        port=found.port,
        since=_time(found.since),
        restarts=found.restarts,
        reason=found.reason,
        flapping=found.flapping,
    )


def change(found: Change) -> pb.Change:
    """A change with its steps."""
    return pb.Change(
        id=found.id,
        title=found.title,
        actor=found.actor,
        status=f"CHANGE_STATUS_{found.status.upper()}",
        steps=[_step(each) for each in found.steps],
        error=found.error,
        began_at=_time(found.began_at),
        ended_at=_time(found.ended_at),
    )


def _step(found: StepRecord) -> pb.Step:
    return pb.Step(
        action=found.action,
        service=found.service,
        why=found.why,
        status=found.status,
        error=found.error,
        began_at=_time(found.began_at),
        ended_at=_time(found.ended_at),
    )


def plan(found: Plan) -> pb.GetPlanResponse:
    """The steps, and the same for a person."""
    steps = [
        pb.Step(action=each.action, service=each.service, why=each.why) for each in found.steps
    ]
    return pb.GetPlanResponse(steps=steps, lines=describe(found))


def event(found: Event) -> pb.Event:
    """A CloudEvent; numbers of its data are floating-point, as protobuf's Struct has them."""
    data = Struct()
    data.update(found.model_dump(mode="json")["data"])
    return pb.Event(
        id=found.id,
        source=found.source,
        type=found.type,
        subject=found.subject,
        time=_time(found.time),
        data=data,
    )


def health(found: Report) -> pb.Health:
    """The health report."""
    services = {
        name: pb.ServiceHealth(
            status=_status(each.status),
            dependencies={other: _status(status) for other, status in each.dependencies.items()},
            error=each.error,
        )
        for name, each in found.services.items()
    }
    return pb.Health(
        status=_status(found.status),
        timestamp=_time(found.timestamp),
        services=services,
        addresses=found.addresses,
    )


def _status(status: Status) -> pb.Status:
    return _STATUS[status]


def _time(at: datetime | None) -> Timestamp | None:
    if at is None:
        return None
    found = Timestamp()
    found.FromDatetime(at)
    return found
