"""How a service is."""

import pytest
from anyio import Event, create_task_group, fail_after, sleep_forever

from intertie.service.health import Check, Dependency, Health

pytestmark = pytest.mark.anyio


async def fine() -> None:
    """A dependency that is there."""


async def refuses() -> None:
    """One that is not."""
    raise OSError("cannot reach postgres://me:hunter2@db/shop:\nconnection refused")


@pytest.mark.parametrize(("critical", "status"), [(True, "DOWN"), (False, "DEGRADED")])
async def test_a_critical_dependency_takes_the_service_down(critical: bool, status: str) -> None:
    """Any other one only degrades it; the error is one line without the login."""
    health = Health()
    health.add(Check("cache", fine, True, 2))
    health.add(Check("database", refuses, critical, 2))

    report = (await health.report()).json()

    assert report["status"] == status
    assert report["dependencies"] == {
        "cache": {"status": "UP"},
        "database": {
            "status": status,
            "error": "cannot reach postgres://***@db/shop: connection refused",
        },
    }


async def test_checks_run_at_once_and_none_beyond_its_deadline() -> None:
    """Two that never answer take as long as one."""
    health = Health()
    for name in ("a", "b"):
        health.add(Check(name, sleep_forever, True, 0.02))

    with fail_after(5):
        report = await health.report()

    assert report.dependencies["a"] == Dependency("DOWN", "no answer within 0.02 s")
    assert report.dependencies["b"] == Dependency("DOWN", "no answer within 0.02 s")


async def test_false_is_a_no() -> None:
    """A check need not raise."""

    async def no() -> bool:
        return False

    health = Health()
    health.add(Check("flag", no, True, 2))

    assert (await health.report()).status == "DOWN"


async def test_probes_do_not_load_a_dependency() -> None:
    """A hundred at once, and more within a moment, are one try."""
    health, tries, go = Health(fresh_s=60), 0, Event()

    async def count() -> None:
        nonlocal tries
        tries += 1
        await go.wait()

    health.add(Check("database", count, True, 5))
    async with create_task_group() as group:
        for _ in range(100):
            group.start_soon(health.report)
        go.set()
    await health.report()

    assert tries == 1


async def test_a_report_gets_old() -> None:
    """Then everything is tried anew."""
    health, tries = Health(fresh_s=0), []

    async def count() -> None:
        tries.append(1)

    health.add(Check("database", count, True, 5))
    await health.report()
    await health.report()

    assert len(tries) == 2
