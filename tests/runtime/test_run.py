from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.errors import ChangeError
from intertie.event import HealthChanged, ServiceStarted, ServiceStopped
from intertie.plan import Replica, State
from tests.runtime.stage import service, shell, staged
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


def exists(file: Path, **keys: object) -> dict[str, object]:
    """A check that is healthy while the file is there."""
    return {"test": ["test", "-e", str(file)], "interval": "10ms", **keys}


async def test_a_service_without_a_check_is_ready_once_it_is_spawned(tmp_path: Path) -> None:
    """The start returns with the process running, and says so."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service())

        started = await stage.next(ServiceStarted)

        assert stage.replica("api").state is State.RUNNING
        assert started.subject == "api"
        assert started.data["pid"] == stage.pid("api")
        assert started.data["port"] is None


async def test_a_service_with_a_check_is_ready_once_it_is_healthy(tmp_path: Path) -> None:
    """Until its check is good it is STARTING, and nobody is told that it started."""
    file = tmp_path / "ready"
    async with staged(tmp_path) as stage, create_task_group() as group:
        api = service(healthcheck=exists(file))
        group.start_soon(lambda: stage.run(api=api))
        await eventually(lambda: "api" in stage.supervisor.snapshot().services)
        await eventually(lambda: stage.replica("api").pid is not None)
        assert stage.replica("api").state is State.STARTING
        assert stage.subjects(ServiceStarted) == []

        file.touch()
        up = await stage.next(HealthChanged)

        assert up.data["status"] == "UP"
        await eventually(lambda: stage.replica("api").state is State.RUNNING)


async def test_a_service_that_is_not_healthy_in_time_failed_to_start(tmp_path: Path) -> None:
    """After `start_period` it is ended, and the last reason is told."""
    check = exists(tmp_path / "never", start_period="1s")
    async with staged(tmp_path) as stage:
        with pytest.raises(ChangeError, match="not healthy within 1 s: test: exit code 1"):
            await stage.run(api=service(healthcheck=check))

        assert stage.replica("api").state is State.FAILED
        assert stage.replica("api").pid is None


async def test_the_start_period_ends_with_the_first_success(tmp_path: Path) -> None:
    """A service that was healthy once is not ended for being unhealthy later."""
    file = tmp_path / "ready"
    file.touch()
    async with staged(tmp_path) as stage:
        await stage.run(api=service(healthcheck=exists(file, start_period="10s")))
        before = stage.pid("api")
        file.unlink()
        await stage.next(HealthChanged)
        down = await stage.next(HealthChanged)
        assert down.data["status"] == "DOWN"
        assert stage.replica("api").state is State.UNHEALTHY

        file.touch()
        up = await stage.next(HealthChanged)

        assert up.data["status"] == "UP"
        assert stage.replica("api").state is State.RUNNING
        assert stage.pid("api") == before
        assert stage.subjects(ServiceStarted) == ["api"]


async def test_the_check_runs_in_the_services_environment(tmp_path: Path) -> None:
    """A command that checks sees PORT and the rest, and leaves no trace in the logs."""
    check = {"test": ["CMD-SHELL", 'echo noise; test -n "$PORT" && test "$X" = 1']}
    async with staged(tmp_path) as stage:
        await stage.run(api=service(port="auto", environment={"X": "1"}, healthcheck=check))

        assert stage.replica("api").state is State.RUNNING
        assert await stage.text("api") == []


async def test_a_replica_is_drained_before_it_is_signalled(tmp_path: Path) -> None:
    """`before_stop` sees the replica alive and draining, and without an endpoint."""
    seen: list[Replica] = []

    async def note(replica: Replica) -> None:
        seen.append(replica)
        endpoints.append(stage.supervisor.snapshot().services["api"].endpoints)

    endpoints: list[object] = []
    async with staged(tmp_path, before_stop=note) as stage:
        await stage.run(api=service(port="auto"))
        pid = stage.pid("api")

        await stage.supervisor.stop(["api"])

        assert [(r.pid, r.draining, r.state) for r in seen] == [(pid, True, State.RUNNING)]
        assert endpoints == [()]
        assert stage.replica("api").draining is False


async def test_a_replica_that_cannot_be_drained_is_stopped_all_the_same(tmp_path: Path) -> None:
    """Whatever goes wrong at the gateway, a service can be stopped."""

    async def refuse(_: Replica) -> None:
        raise ValueError("no")

    async with staged(tmp_path, before_stop=refuse) as stage:
        await stage.run(api=service(port="auto"))

        await stage.supervisor.stop(["api"])

        assert stage.replica("api").state is State.STOPPED


async def test_a_stop_on_request_is_told_as_wanted(tmp_path: Path) -> None:
    """Whoever follows the events can tell a stop from a crash."""
    async with staged(tmp_path) as stage:
        await stage.run(api=shell("trap 'exit 5' TERM; echo up; sleep 1000 & wait"))
        await eventually(lambda: (tmp_path / "logs/api/0.out.log").stat().st_size > 0)

        await stage.supervisor.stop(["api"])
        stopped = await stage.next(ServiceStopped)

        assert stopped.data["wanted"] is True
        assert stopped.data["exit_code"] == 5
