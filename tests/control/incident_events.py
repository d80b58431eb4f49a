"""Events as a suite would record them, at seconds of one day."""

from datetime import UTC, datetime, timedelta

from intertie.automation.remedy import RecoveryAlert, ServiceRecovered
from intertie.event import (
    AlertFiring,
    AlertResolved,
    Event,
    GatewayApplied,
    HealthChanged,
    Payload,
    ServiceFailed,
    ServiceStarted,
    ServiceStopped,
)
from intertie.plan import Action
from intertie.runtime.change import Change, StepRecord

BEGIN = datetime(2026, 1, 5, 12, tzinfo=UTC)


def at(second: float) -> datetime:
    """The moment so long after noon."""
    return BEGIN + timedelta(seconds=second)


def event(payload: Payload, second: float, subject: str = "web") -> Event:
    """With an id of its own."""
    return Event(
        id=f"{payload.type}-{subject}-{second:g}",
        source="intertie/test",
        type=payload.type,
        subject=subject,
        time=at(second),
        data=payload.model_dump(mode="json"),
    )


def started(second: float, service: str = "web", replica: int = 0) -> Event:
    """A replica is ready."""
    payload = ServiceStarted(service=service, replica=replica, pid=7, port=None, took_s=0.5)
    return event(payload, second, service)


def stopped(
    second: float, service: str = "web", *, wanted: bool = False, code: int | None = None
) -> Event:
    """Its process ended, by signal 9 where there is no code."""
    payload = ServiceStopped(
        service=service,
        replica=0,
        pid=7,
        exit_code=code,
        signal=9 if code is None else None,
        wanted=wanted,
    )
    return event(payload, second, service)


def failed(
    second: float, service: str = "web", replica: int = 0, *, retry_in_s: float | None = 1.0
) -> Event:
    """It failed."""
    payload = ServiceFailed(
        service=service, replica=replica, error="ended by signal 9", retry_in_s=retry_in_s
    )
    return event(payload, second, service)


def health(second: float, status: str, service: str = "web") -> Event:
    """Its health check turned."""
    payload = HealthChanged.model_validate(
        {"service": service, "replica": 0, "status": status, "reason": "no answer"}
    )
    return event(payload, second, service)


def firing(second: float, alert: str = "Down") -> Event:
    """An alert begins."""
    payload = AlertFiring(
        alert=alert,
        severity="critical",
        labels={"alertname": alert, "service": "web"},
        annotations={"summary": "web is down"},
        value="0.0",
    )
    return event(payload, second, alert)


def resolved(second: float, alert: str = "Down") -> Event:
    """It is over."""
    payload = AlertResolved(
        alert=alert, severity="critical", labels={"alertname": alert, "service": "web"}
    )
    return event(payload, second, alert)


def recovered(second: float) -> Event:
    """Recovery believes that it is well."""
    return event(ServiceRecovered(service="web", attempts=1), second)


def given_up(second: float) -> Event:
    """Recovery knows no further step."""
    return event(RecoveryAlert(service="web", reason="port taken", attempts=3), second)


def applied(second: float, *, accepted: bool = True) -> Event:
    """The gateway has another configuration."""
    error = None if accepted else "no such cluster"
    payload = GatewayApplied(generation="f" * 64, accepted=accepted, error=error)
    return event(payload, second, "gateway")


def change(
    begin: float,
    end: float,
    *,
    action: Action = "restart",
    actor: str = "recovery",
    error: str | None = None,
) -> Change:
    """One step on `web`."""
    step = StepRecord(
        action=action, service="web", status="done", began_at=at(begin), ended_at=at(end)
    )
    return Change(
        id=f"c{begin:g}",
        title=f"{action} web",
        actor=actor,
        status="failed" if error else "done",
        steps=(step,),
        error=error,
        began_at=at(begin),
        ended_at=at(end),
    )
