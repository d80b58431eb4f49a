import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.errors import ChangeError, NotFoundError
from intertie.event import ServiceFailed, ServiceStarted, ServiceStopped
from intertie.plan import Plan, State, Step
from intertie.runtime.component import Status
from intertie.runtime.ports import Ports
from intertie.runtime.supervisor import Supervisor
from tests.runtime.dead import dead_daemon, still_runs
from tests.runtime.stage import Stage, chance, service, shell, staged
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


def exists(file: Path) -> dict[str, object]:
    """A check that is healthy while the file is there."""
    return {"test": ["test", "-e", str(file)], "interval": "10ms"}


async def test_a_service_starts_once_what_it_needs_is_healthy(tmp_path: Path) -> None:
    """`service_healthy`: nothing of the dependent runs before."""
    ready = tmp_path / "ready"
    db = service(healthcheck=exists(ready))
    api = service(depends_on={"db": {"condition": "service_healthy"}})
    async with staged(tmp_path) as stage, create_task_group() as group:
        group.start_soon(lambda: stage.run(api=api, db=db))
        await eventually(lambda: "db" in stage.supervisor.snapshot().services)
        await eventually(lambda: stage.replica("db").pid is not None)
        assert stage.replica("api").state is State.WAITING

        ready.touch()
        names = [(await stage.next(ServiceStarted)).subject for _ in range(2)]

        assert names == ["db", "api"]


async def test_a_service_starts_once_what_it_needs_is_started(tmp_path: Path) -> None:
    """`service_started`: the dependency's process is enough, healthy or not."""
    ready = tmp_path / "ready"
    async with staged(tmp_path) as stage, create_task_group() as group:
        db = service(healthcheck=exists(ready))
        group.start_soon(lambda: stage.run(api=service(depends_on=["db"]), db=db))

        started = await stage.next(ServiceStarted)
        assert started.subject == "api"
        assert stage.replica("db").state is State.STARTING

        ready.touch()


async def test_no_service_is_given_the_port_of_another(tmp_path: Path) -> None:
    """Also not before that one listens on the port that its file says."""
    fixed = Ports(chance(7)).take("by chance")
    async with staged(tmp_path, rng=chance(7)) as stage:
        await stage.run(
            first=service(port="auto"), second=service(port=fixed, depends_on=["first"])
        )

        assert stage.replica("first").port != fixed
        assert stage.replica("second").port == fixed


async def test_a_service_starts_once_a_job_has_completed(tmp_path: Path) -> None:
    """`service_completed_successfully`: the job's exit code 0 is waited for."""
    gate = tmp_path / "gate"
    job = shell(f"until test -e {gate}; do sleep 0.01; done")
    api = service(depends_on={"job": {"condition": "service_completed_successfully"}})
    async with staged(tmp_path) as stage, create_task_group() as group:
        group.start_soon(lambda: stage.run(api=api, job=job))
        await eventually(lambda: "job" in stage.supervisor.snapshot().services)
        await eventually(lambda: stage.replica("job").state is State.RUNNING)
        assert stage.replica("api").state is State.WAITING

        gate.touch()

        await eventually(lambda: stage.replica("api").state is State.RUNNING)
        assert stage.replica("job").state is State.COMPLETED


async def test_a_failed_job_fails_those_that_need_it(tmp_path: Path) -> None:
    """They are not started, and the error says because of what."""
    job = shell("exit 4")
    api = service(depends_on={"job": {"condition": "service_completed_successfully"}})
    web = service(depends_on=["api"])
    async with staged(tmp_path) as stage:
        with pytest.raises(ChangeError) as caught:
            await stage.run(web=web, api=api, job=job)

        assert (
            "cannot start service 'api': it needs 'job', which failed: ended with exit code 4"
            in (str(caught.value))
        )
        assert stage.replica("api").state is State.FAILED
        assert stage.replica("web").state is State.FAILED
        assert stage.subjects(ServiceStarted) == ["job"]


async def test_a_dependency_that_keeps_failing_fails_the_start_of_all(tmp_path: Path) -> None:
    """Nobody waits for ever for a service that is restarted again and again."""
    never = {"test": ["false"], "interval": "1s"}
    db = shell("exit 1", healthcheck=never, restart={"policy": "always", "delay": "1ms"})
    api = service(depends_on={"db": {"condition": "service_healthy"}})
    async with staged(tmp_path) as stage:
        with pytest.raises(ChangeError, match="not started, as they need 'db': api"):
            await stage.run(api=api, db=db)


async def test_start_pulls_in_dependencies(tmp_path: Path) -> None:
    """Starting one service starts what it needs, and nothing else."""
    async with staged(tmp_path) as stage:
        await stage.know(
            db=service(), cache=service(), api=service(depends_on=["db"]), web=service()
        )

        await stage.supervisor.start(["api"])

        states = {n: s.replicas[0].state for n, s in stage.supervisor.snapshot().services.items()}
        assert states == {
            "db": State.RUNNING,
            "api": State.RUNNING,
            "cache": State.STOPPED,
            "web": State.STOPPED,
        }


async def test_start_does_not_repeat_a_completed_job(tmp_path: Path) -> None:
    """A job that others need runs once; asked for by name, it runs again."""
    job = shell("echo ran")
    api = service(depends_on={"job": {"condition": "service_completed_successfully"}})
    async with staged(tmp_path) as stage:
        await stage.run(api=api, job=job)
        await stage.supervisor.stop(["api"])
        await stage.supervisor.start(["api"])
        assert await stage.text("job") == ["ran"]

        await stage.supervisor.start(["job"])
        await eventually(lambda: stage.replica("job").state is State.COMPLETED)

        assert await stage.text("job") == ["ran", "ran"]


async def test_stop_ends_dependents_first(tmp_path: Path) -> None:
    """A service is not taken away from under those that use it."""
    async with staged(tmp_path) as stage:
        await stage.run(
            db=service(), api=service(depends_on=["db"]), web=service(depends_on=["api"])
        )

        await stage.supervisor.stop(["db"])

        assert stage.subjects(ServiceStopped) == ["web", "api", "db"]


async def test_cancelling_stops_everything_in_reverse_order(tmp_path: Path) -> None:
    """The daemon's end is an orderly stop."""
    async with staged(tmp_path) as stage:
        await stage.run(
            db=service(), api=service(depends_on=["db"]), web=service(depends_on=["api"])
        )

    assert stage.subjects(ServiceStopped) == ["web", "api", "db"]


async def test_a_start_after_the_end_is_refused(tmp_path: Path) -> None:
    """Nothing can be started once the supervisor stops everything."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service())

    with pytest.raises(ChangeError, match="the daemon is ending"):
        await stage.supervisor.start(["api"])


async def test_restart_begins_with_the_dependency(tmp_path: Path) -> None:
    """Of several services restarted together, each comes after what it needs."""
    async with staged(tmp_path) as stage:
        await stage.run(db=service(), api=service(depends_on=["db"]))
        stage.subjects(ServiceStopped)

        await stage.supervisor.restart(["api", "db"])

        assert stage.subjects(ServiceStopped) == ["db", "api"]
        assert stage.subjects(ServiceStarted)[-2:] == ["db", "api"]


async def test_apply_touches_only_what_differs(tmp_path: Path) -> None:
    """Services without a difference keep their processes."""
    async with staged(tmp_path) as stage:
        await stage.run(same=service(), other=service(), gone=service())
        same, other = stage.pid("same"), stage.pid("other")

        await stage.run(same=service(), other=service(environment={"X": "1"}), new=service())

        assert set(stage.supervisor.snapshot().services) == {"same", "other", "new"}
        assert stage.pid("same") == same
        assert stage.pid("other") != other


async def test_steps_are_reported_as_they_go(tmp_path: Path) -> None:
    """Each step is told when it begins and how it ends."""
    told: list[tuple[str, str, str]] = []

    def progress(step: Step, status: str, error: str | None = None) -> None:
        told.append((step.action, step.service, status))

    async with staged(tmp_path) as stage:
        await stage.know(good=service(), bad=service("no-such-program"))

        with pytest.raises(ChangeError):
            await stage.supervisor.start(["good", "bad"], progress)

    assert set(told) == {
        ("start", "good", "doing"),
        ("start", "good", "done"),
        ("start", "bad", "doing"),
        ("start", "bad", "failed"),
    }


async def test_services_find_each_other(tmp_path: Path) -> None:
    """Every service gets the addresses of all others, also of those started later."""
    async with staged(tmp_path) as stage:
        await stage.know(
            first=shell("echo $INTERTIE_URL_DB_MAIN"), **{"db-main": service(port="auto")}
        )
        await stage.supervisor.start(["first"])
        await stage.supervisor.start(["db-main"])

        await eventually(lambda: stage.replica("first").state is State.COMPLETED)

        port = stage.replica("db-main").port
        assert await stage.text("first") == [f"http://127.0.0.1:{port}"]


async def test_an_unknown_service_is_refused(tmp_path: Path) -> None:
    """A name that is not in the suite changes nothing."""
    async with staged(tmp_path) as stage:
        with pytest.raises(NotFoundError, match="'nope'"):
            await stage.supervisor.start(["nope"])


async def test_health_names_what_is_wrong(tmp_path: Path) -> None:
    """UP while all is well, DEGRADED with the reason when a service failed."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service())
        assert stage.supervisor.health().status is Status.UP

        os.kill(stage.pid("api"), signal.SIGKILL)
        await stage.next(ServiceFailed)

        health = stage.supervisor.health()
        assert health.status is Status.DEGRADED
        assert health.reason == "api/0 is failed: ended by signal 9"
    assert stage.supervisor.health().status is Status.DOWN


async def test_nothing_survives_a_stop(tmp_path: Path) -> None:
    """A child that ignores SIGTERM, in a session of its own, is found and killed."""
    ready = tmp_path / "ready"
    child = f"trap '' TERM; touch {ready}; while :; do sleep 0.01; done"
    api = shell(f"trap '' TERM; setsid sh -c \"{child}\" & wait; wait", stop_grace_period="50ms")
    async with staged(tmp_path) as stage:
        await stage.run(api=api)
        await eventually(ready.exists)

        await stage.supervisor.stop(["api"])

        assert await stage.driver.sweep(()) == 0


@asynccontextmanager
async def after_death(folder: Path, daemon: str) -> AsyncIterator[tuple[Stage, dict[str, int]]]:
    """A new supervisor, and the pids of what a killed one left."""
    pids = await dead_daemon(folder, daemon)
    async with staged(folder) as stage:
        yield stage, pids


@pytest.mark.slow
async def test_a_new_daemon_goes_on_with_what_runs(tmp_path: Path) -> None:
    """After kill -9 of the daemon its services are taken over, and supervised as before."""
    wanted = {"api": service(port="auto", restart="always"), "job": shell("exit 0")}
    async with after_death(tmp_path, "api") as (stage, pids):
        await stage.supervisor.adopt_or_reap(wanted, "adopt")
        assert stage.pid("api") == pids["api"]
        assert stage.replica("api").port is not None
        await eventually(lambda: stage.replica("api").state is State.RUNNING)

        stage.subjects(ServiceStarted)
        os.kill(pids["api"], signal.SIGKILL)
        started = await stage.next(ServiceStarted)

        assert started.data["pid"] == stage.pid("api") != pids["api"]


@pytest.mark.slow
async def test_a_new_daemon_ends_what_is_not_wanted_any_more(tmp_path: Path) -> None:
    """A service whose spec changed is not taken over, nor is one that is gone from the suite."""
    wanted = {"api": service(port="auto", environment={"NEW": "1"})}
    async with after_death(tmp_path, "api") as (stage, pids):
        await stage.supervisor.adopt_or_reap(wanted, "adopt")

        assert stage.replica("api").state is State.STOPPED
        assert not still_runs(pids["api"])


@pytest.mark.slow
async def test_an_adopted_service_can_be_stopped(tmp_path: Path) -> None:
    """Its whole tree ends, though it is no child of this daemon."""
    wanted = {"api": service(port="auto", restart="always")}
    async with after_death(tmp_path, "api") as (stage, pids):
        await stage.supervisor.adopt_or_reap(wanted, "adopt")

        await stage.supervisor.stop(["api"])

        assert not still_runs(pids["api"])


async def test_a_plan_without_steps_changes_nothing(tmp_path: Path) -> None:
    """Applying nothing only makes the services known."""
    async with staged(tmp_path) as stage:
        await stage.supervisor.apply({"api": service()}, Plan(()))

        assert stage.replica("api").state is State.STOPPED
        assert isinstance(stage.supervisor, Supervisor)
