"""The health of everything."""

from datetime import UTC, datetime

import pytest

from intertie.control.health import Health, status_of, worst
from intertie.plan import Replica, ServiceStatus, Snapshot, State
from intertie.runtime.component import Status
from intertie.suite.service import Service

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def service(name: str, *states: State, needs: tuple[str, ...] = ()) -> ServiceStatus:
    """A service whose replicas are in these states."""
    spec = Service.model_validate({"command": "true", "depends_on": list(needs)})
    replicas = tuple(
        Replica(name, n, state, pid=None, port=None, since=NOW, restarts=0, reason="because")
        for n, state in enumerate(states)
    )
    return ServiceStatus(name, spec, replicas)


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ((State.RUNNING,), Status.UP),
        ((State.COMPLETED,), Status.UP),
        ((State.RUNNING, State.FAILED), Status.DEGRADED),
        ((State.STARTING,), Status.DEGRADED),
        ((State.BACKOFF,), Status.DEGRADED),
        ((State.UNHEALTHY,), Status.DOWN),
        ((State.FAILED, State.STOPPED), Status.DOWN),
        ((), Status.DOWN),
    ],
)
def test_a_service_is_as_well_as_its_replicas(states: tuple[State, ...], status: Status) -> None:
    """UP needs all; DEGRADED needs one that is well or on its way."""
    assert status_of(service("a", *states)) is status


def test_the_suite_is_as_well_as_its_worst_service() -> None:
    """And says of each sick one what is wrong."""
    found = {
        "db": service("db", State.FAILED),
        "api": service("api", State.RUNNING, needs=("db",)),
    }
    health = Health(lambda: Snapshot(found), lambda: {"api": "http://here"})

    report = health.report()

    assert report.status is Status.DOWN
    assert report.services["db"].error == "failed: because"
    assert report.services["api"].error is None
    assert report.services["api"].dependencies == {"db": Status.DOWN}


def test_nothing_is_never_sick() -> None:
    """A suite whose services are all in inactive profiles is UP."""
    assert worst([]) is Status.UP
