import os
import signal
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.event import HealthChanged, ServiceFlapping, ServiceStarted
from intertie.plan import State
from intertie.runtime.explain import Explanation, View, explain
from tests.runtime.stage import Stage, service, shell, staged
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


def about(stage: Stage, name: str) -> Explanation:
    """The explanation, as the management API makes it."""
    services = stage.supervisor.snapshot().services
    needs = [(o, n.condition) for s in services.values() for o, n in s.spec.depends_on.items()]
    met = {
        (other, condition): stage.supervisor.meets(other, condition) for other, condition in needs
    }
    return explain(View(services, stage.supervisor.standings(), met), name)


def gate(file: Path, **keys: object) -> dict[str, object]:
    """A health check that is good while the file is there."""
    return {"healthcheck": {"test": ["test", "-e", str(file)], "interval": "10ms", **keys}}


def after(other: str, condition: str = "service_healthy") -> dict[str, object]:
    """A dependency."""
    return {"depends_on": {other: {"condition": condition}}}


async def test_it_names_what_holds_a_waiting_service_up(tmp_path: Path) -> None:
    """From the service at the end of the chain to the one asked about."""
    file = tmp_path / "ready"
    async with staged(tmp_path) as stage, create_task_group() as group:
        group.start_soon(
            lambda: stage.run(
                db=service(**gate(file)),
                api=service(**gate(file), **after("db")),
                web=service(**after("api")),
            )
        )
        await eventually(lambda: "web" in stage.supervisor.snapshot().services)
        await eventually(lambda: stage.replica("db").state is State.STARTING)

        found = about(stage, "web")
        file.touch()

    assert found.blocked_by == ("db", "api", "web")
    assert found.summary.startswith("waits until 'api' is healthy, which is waiting: ")
    assert found.summary.endswith("what holds it up is 'db'")
    [need] = found.needs
    assert (need.service, need.met, need.required) == ("api", False, True)


async def test_it_tells_the_critical_path_of_the_last_start(tmp_path: Path) -> None:
    """Only the dependency that was awaited last is on it; each leg says how long it took."""
    slow, quick = tmp_path / "slow", tmp_path / "quick"
    quick.touch()
    async with staged(tmp_path) as stage, create_task_group() as group:
        group.start_soon(
            lambda: stage.run(
                cache=service(**gate(quick)),
                db=service(**gate(slow)),
                api=service(
                    depends_on={
                        "db": {"condition": "service_healthy"},
                        "cache": {"condition": "service_healthy"},
                    }
                ),
            )
        )
        await eventually(lambda: "cache" in stage.supervisor.snapshot().services)
        await eventually(lambda: stage.replica("cache").state is State.RUNNING)
        slow.touch()
        await eventually(lambda: stage.replica("api").state is State.RUNNING)

        found = about(stage, "api")

    assert [leg.service for leg in found.critical_path] == ["db", "api"]
    db, api = found.critical_path
    assert db.started_s is not None
    assert api.waited_s >= db.started_s
    assert found.summary == "running"


async def test_it_tells_why_a_service_restarted(tmp_path: Path) -> None:
    """The states it went through, each with its reason."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service(restart="always"))
        stage.drain()

        os.kill(stage.pid("api"), signal.SIGKILL)
        await stage.next(ServiceStarted)
        found = about(stage, "api")

    told = [(moment.state, moment.reason) for moment in found.moments[0]]
    assert (State.BACKOFF, "ended by signal 9") in told
    assert found.summary == "running, restarted 1 times by itself"


async def test_it_tells_who_needs_the_service(tmp_path: Path) -> None:
    """Directly."""
    async with staged(tmp_path) as stage:
        await stage.run(db=service(), api=service(depends_on=["db"]), web=service())

        assert about(stage, "db").needed_by == ("api",)
        assert about(stage, "web").needed_by == ()


async def test_a_service_that_goes_up_and_down_is_called_flapping(tmp_path: Path) -> None:
    """One event, the mark on the replica, and the changes in its history."""
    file = tmp_path / "up"
    file.touch()
    check = gate(file, failure_threshold=1, flapping={"changes": 3, "window": "1m"})
    async with staged(tmp_path) as stage:
        await stage.run(api=service(**check))
        file.unlink()
        while (await stage.next(HealthChanged)).data["status"] != "DOWN":
            pass
        assert not stage.replica("api").flapping
        file.touch()

        flapping = await stage.next(ServiceFlapping)

        assert flapping.data["changes"] == 3
        assert stage.replica("api").flapping
        assert about(stage, "api").flapping == (0,)
        assert [turn.up for turn in about(stage, "api").health[0]] == [True, False, True]


async def test_the_explanation_of_a_failed_job_is_its_reason(tmp_path: Path) -> None:
    """As `ps` tells it."""
    async with staged(tmp_path) as stage:
        await stage.run(job=shell("exit 3"))
        await eventually(lambda: stage.replica("job").state is State.FAILED)

        assert about(stage, "job").summary == "failed: ended with exit code 3"
