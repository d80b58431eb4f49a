from datetime import UTC, datetime

import pytest

from intertie.automation.ladder import Condition, Seen
from intertie.automation.sight import look, see
from intertie.plan import Replica, ServiceStatus, Snapshot, State
from tests.runtime.stage import service

AT = datetime(2026, 1, 1, tzinfo=UTC)


def status(name: str, *states: State, needs: tuple[str, ...] = ()) -> ServiceStatus:
    """A service with a replica in each state."""
    replicas = tuple(
        Replica(name, index, state, None, None, AT, 0, f"{name} is {state}")
        for index, state in enumerate(states)
    )
    return ServiceStatus(name, service(depends_on=list(needs)), replicas)


def snapshot(*services: ServiceStatus) -> Snapshot:
    """These services."""
    return Snapshot({each.name: each for each in services})


@pytest.mark.parametrize(
    ("states", "condition"),
    [
        ([State.RUNNING, State.LISTENING, State.COMPLETED], Condition.WELL),
        ([State.RUNNING, State.STARTING], Condition.COMING),
        ([State.UNHEALTHY, State.STARTING], Condition.DOWN),
        ([State.BACKOFF, State.UNHEALTHY], Condition.LOOPING),
        ([State.STOPPED, State.RUNNING], Condition.STOPPED),
        ([State.RUNNING, State.FAILED, State.STOPPED], Condition.FAILED),
    ],
)
def test_a_service_is_as_its_worst_replica(states: list[State], condition: Condition) -> None:
    """Whichever that is."""
    assert look(status("api", *states)).condition is condition


def test_every_state_says_something() -> None:
    """None but these is taken for well."""
    well = {s for s in State if look(status("api", s)).condition is Condition.WELL}

    assert well == {State.RUNNING, State.LISTENING, State.COMPLETED}


def test_the_deepest_dependency_that_is_not_well_is_named() -> None:
    """Through others, also where those are well."""
    seen = see(
        snapshot(
            status("web", State.FAILED, needs=("cache", "api")),
            status("cache", State.RUNNING),
            status("api", State.UNHEALTHY, needs=("db",)),
            status("db", State.RUNNING, needs=("disk",)),
            status("disk", State.UNHEALTHY),
        ),
        "web",
        is_in_care=lambda _: False,
    )

    assert seen == Seen(Condition.FAILED, "web is failed", "disk")


def test_a_stopped_dependency_is_not_to_be_restarted() -> None:
    """Somebody wanted it so."""
    stopped = status("db", State.STOPPED)
    seen = see(
        snapshot(status("api", State.FAILED, needs=("db",)), stopped),
        "api",
        is_in_care=lambda _: False,
    )

    assert seen.sick is None


def test_a_service_waits_while_what_it_needs_is_in_care() -> None:
    """Until that is well, even if its ladder is still to see whether it stays so."""
    api = status("api", State.FAILED, needs=("db",))

    broken = see(snapshot(api, status("db", State.FAILED)), "api", is_in_care="db".__eq__)
    proving = see(snapshot(api, status("db", State.RUNNING)), "api", is_in_care="db".__eq__)

    assert broken.condition is Condition.COMING
    assert proving.condition is Condition.FAILED
