"""What `control` answers, as bodies of the API."""

from dataclasses import asdict

from pydantic import BaseModel
from starlette.responses import Response

from intertie.api import live
from intertie.api.models import DependencyHealth, HealthView, PlanView, ReplicaView, ServiceView
from intertie.control.health import Report, status_of
from intertie.control.jobs import Failure, Output
from intertie.control.rule_difference import RuleDifference
from intertie.control.rule_difference import lines as rule_lines
from intertie.drivers import Exit
from intertie.plan import Plan, Replica, ServiceStatus, as_dict, describe
from intertie.runtime.logs import LogLine
from intertie.suite.rules import RESERVED


def service(status: ServiceStatus) -> ServiceView:
    """A service with its replicas."""
    return ServiceView(
        name=status.name,
        kind="engine" if status.name in RESERVED else "service",
        status=status_of(status).value,
        depends_on=list(status.spec.depends_on),
        replicas=[_replica(replica) for replica in status.replicas],
    )


def _replica(replica: Replica) -> ReplicaView:
    return ReplicaView(
        index=replica.index,
        state=replica.state,
        pid=replica.pid,
        port=replica.port,
        since=replica.since,
        restarts=replica.restarts,
        reason=replica.reason,
        flapping=replica.flapping,
    )


def as_json(model: BaseModel) -> Response:
    """A body as it is. FastAPI would check again what we made ourselves, for ten times as long."""
    return Response(model.model_dump_json(), media_type="application/json")


def output(found: Output) -> bytes:
    """What a job prints, and how it ends, as an event."""
    match found:
        case LogLine():
            return live.frame(asdict(found), event="line")
        case Exit():
            return live.frame({"exit_code": found.code, "signal": found.signal}, event="exit")
        case Failure():
            return live.frame({"error": found.why}, event="error")


def health(report: Report) -> HealthView:
    """The health JSON."""
    services = {
        name: DependencyHealth(
            status=found.status.value,
            dependencies={other: status.value for other, status in found.dependencies.items()},
            error=found.error,
        )
        for name, found in report.services.items()
    }
    return HealthView(
        status=report.status.value,
        timestamp=report.timestamp,
        services=services,
        addresses=dict(report.addresses),
    )


def plan(todo: Plan, rules: RuleDifference | None = None) -> PlanView:
    """The steps, and the same for a person."""
    return PlanView(
        steps=[dict(step) for step in as_dict(todo)["steps"]],
        lines=[
            *(describe(todo) if todo.steps or rules is None else ()),
            *(rule_lines(rules) if rules is not None else ()),
        ],
        rules=rules,
    )
