"""What `control` answers, as bodies of the API."""

from datetime import UTC, datetime

from intertie.api import views
from intertie.control.health import Report, ServiceHealth
from intertie.plan import Plan, Replica, ServiceStatus, State, Step
from intertie.runtime.component import Status
from intertie.suite.service import Service

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SPEC = Service.model_validate({"command": "true", "depends_on": ["db"]})


def status(name: str) -> ServiceStatus:
    """A service with one running replica."""
    replica = Replica(
        name, 0, State.RUNNING, pid=7, port=80, since=NOW, restarts=1, reason="healthy"
    )
    return ServiceStatus(name, SPEC, (replica,))


def test_a_service_shows_its_replicas_but_not_its_environment() -> None:
    """What is shown is state; how it was started may hold secrets."""
    shown = views.service(status("api-server")).model_dump(mode="json")

    assert shown["kind"] == "service"
    assert shown["depends_on"] == ["db"]
    assert shown["replicas"][0]["state"] == "running"
    assert "environment" not in str(shown)


def test_what_intertie_brings_is_an_engine() -> None:
    """Known by its reserved name."""
    assert views.service(status("gateway")).kind == "engine"


def test_health_is_the_contract_document() -> None:
    """Words and shape as published."""
    report = Report(
        Status.DEGRADED,
        NOW,
        {"a": ServiceHealth(Status.DEGRADED, {"db": Status.UP}, "starting: not yet")},
        {"api": "http://127.0.0.1:1"},
    )

    assert views.health(report).model_dump(mode="json")["services"]["a"] == {
        "status": "DEGRADED",
        "dependencies": {"db": "UP"},
        "error": "starting: not yet",
    }


def test_a_plan_is_told_twice() -> None:
    """As steps for programs and as lines for people."""
    shown = views.plan(Plan((Step("start", "a", ("it is not running",)),)))

    assert shown.steps[0]["service"] == "a"
    assert any("a" in line for line in shown.lines)
