"""Use cases of remediation."""

from datetime import UTC, datetime

import pytest

from intertie.control.actor import Actor
from intertie.control.remediation import RemediationControl, site_of
from intertie.errors import AccessDeniedError, NotFoundError
from intertie.plan import Replica, ServiceStatus, Snapshot, State
from intertie.runtime.change import Change, ChangeStatus, StepRecord, StepStatus
from intertie.suite.model import Suite

pytestmark = pytest.mark.anyio
READER = Actor("ada", may_read=True, may_write=False)
NOBODY = Actor("rest", may_read=False, may_write=False)
SUITE = Suite.model_validate(
    {
        "suite": "shop",
        "services": {
            "db": {"command": "true"},
            "web": {"command": "true", "depends_on": ["db"], "replicas": 2},
            "off": {"command": "true"},
        },
    }
)


def status(name: str, *states: State) -> ServiceStatus:
    """With replicas like that."""
    since = datetime(2026, 1, 5, tzinfo=UTC)
    replicas = tuple(
        Replica(name, i, s, pid=1, port=None, since=since, restarts=0, reason="")
        for i, s in enumerate(states)
    )
    return ServiceStatus(name, SUITE.services.get(name) or SUITE.services["db"], replicas)


def change(kind: ChangeStatus, step: StepStatus) -> Change:
    """Of `db`."""
    steps = (StepRecord(action="restart", service="db", status=step),)
    now = datetime(2026, 1, 5, tzinfo=UTC)
    return Change(id="1", title="restart db", actor="bob", status=kind, steps=steps, began_at=now)


def snapshot() -> Snapshot:
    """`web` has a sick replica; `gateway` is no service of the suite."""
    services = (
        status("db", State.RUNNING),
        status("web", State.RUNNING, State.UNHEALTHY),
        status("gateway", State.RUNNING),
    )
    return Snapshot({each.name: each for each in services})


def test_the_suites_own_services_that_are_there_count() -> None:
    """With replicas, what they depend on, and whether they are UP."""
    site = site_of(SUITE, snapshot(), [])

    assert site.instances == {"db": 1, "web": 2}
    assert site.needs == {"db": (), "web": ("db",)}
    assert site.unwell == {"web"}
    assert site.busy == {}


def test_a_service_is_busy_while_a_change_has_something_to_do_with_it() -> None:
    """Not before and not after."""
    assert site_of(SUITE, snapshot(), [change("doing", "todo")]).busy == {
        "db": "restart db (by bob)"
    }
    assert site_of(SUITE, snapshot(), [change("doing", "done")]).busy == {}
    assert site_of(SUITE, snapshot(), [change("failed", "todo")]).busy == {}


async def test_a_suite_without_remediation_has_nothing_to_look_at() -> None:
    """Nor to approve."""
    control = RemediationControl()

    with pytest.raises(NotFoundError, match="the suite has none"):
        await control.rules(READER)
    with pytest.raises(NotFoundError, match="the suite has none"):
        await control.approve(READER, 1)


async def test_who_may_not_look_learns_nothing() -> None:
    """Not even whether there is anything."""
    with pytest.raises(AccessDeniedError):
        await RemediationControl().history(NOBODY, most=10)
