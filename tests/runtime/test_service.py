import os
import signal
from functools import partial
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.errors import ChangeError
from intertie.event import ServiceStarted
from intertie.plan import Plan, Replica, State, Step
from tests.runtime.stage import Stage, service, shell, staged
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

NEVER = {"test": ["false"], "interval": "1s"}


def has_text(file: Path) -> bool:
    """Whether something was written."""
    return file.stat().st_size > 0


async def test_each_replica_has_a_port_and_logs_of_its_own(tmp_path: Path) -> None:
    """Replicas never share a port or a log file."""
    async with staged(tmp_path) as stage:
        await stage.run(api=shell("echo $PORT; exec sleep 1000", port="auto", replicas=3))
        ports = [str(stage.replica("api", index).port) for index in range(3)]

        assert len(set(ports)) == 3
        for index, port in enumerate(ports):
            log = tmp_path / f"logs/api/{index}.out.log"
            await eventually(partial(has_text, log))
            assert await stage.text("api", index) == [port]


async def test_a_crash_touches_only_its_replica(tmp_path: Path) -> None:
    """The other replicas keep their processes."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service(replicas=2, restart="always"))
        first, second = stage.pid("api", 0), stage.pid("api", 1)
        stage.subjects(ServiceStarted)

        os.kill(first, signal.SIGKILL)
        await stage.next(ServiceStarted)

        assert stage.pid("api", 0) != first
        assert stage.pid("api", 1) == second
        assert stage.replica("api", 1).restarts == 0


async def test_a_restart_keeps_all_but_one_replica_serving(tmp_path: Path) -> None:
    """Each replica is drained, stopped, started and ready before the next is touched."""
    serving: list[set[int]] = []

    async def note(replica: Replica) -> None:
        replicas = stage.supervisor.snapshot().services["api"].replicas
        serving.append({r.index for r in replicas if r.state is State.RUNNING and not r.draining})

    async with staged(tmp_path, before_stop=note) as stage:
        await stage.run(api=service(replicas=3, port="auto"))
        before = [stage.pid("api", index) for index in range(3)]

        await stage.supervisor.restart(["api"])

        after = [stage.pid("api", index) for index in range(3)]
        assert serving[:3] == [{1, 2}, {0, 2}, {0, 1}]
        assert set(before).isdisjoint(after)


async def test_a_restart_stops_at_the_first_replica_that_fails(tmp_path: Path) -> None:
    """The replicas not yet touched go on serving, and the next plan begins anew."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service(replicas=2))
        second = stage.pid("api", 1)
        broken = service("no-such-program", replicas=2)

        with pytest.raises(ChangeError, match="no-such-program"):
            await stage.run(api=broken)

        assert stage.pid("api", 1) == second
        assert stage.supervisor.snapshot().services["api"].spec != broken
        with pytest.raises(ChangeError, match="no-such-program"):
            await stage.run(api=broken)


async def test_scaling_leaves_the_others_alone(tmp_path: Path) -> None:
    """More or fewer replicas: those that stay keep their processes."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service(replicas=2))
        first, second = stage.pid("api", 0), stage.pid("api", 1)

        await stage.run(api=service(replicas=3))
        grown = [stage.pid("api", index) for index in range(3)]
        await stage.run(api=service(replicas=1))

        assert grown[:2] == [first, second]
        assert len(stage.supervisor.snapshot().services["api"].replicas) == 1
        assert stage.pid("api", 0) == first


async def test_scaling_starts_those_that_are_down_too(tmp_path: Path) -> None:
    """A plan may hold two steps for one service; both are done."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service(replicas=2))
        os.kill(stage.pid("api", 0), signal.SIGKILL)
        await eventually(lambda: stage.replica("api", 0).state is State.FAILED)

        await stage.run(api=service(replicas=3))

        replicas = stage.supervisor.snapshot().services["api"].replicas
        assert [replica.state for replica in replicas] == [State.RUNNING] * 3


async def test_a_stop_takes_over_from_a_start(tmp_path: Path) -> None:
    """Who waits for a start learns that somebody stopped the service meanwhile."""
    async with staged(tmp_path) as stage:
        refused: list[str] = []
        async with create_task_group() as group:
            group.start_soon(_start_never, stage, refused)
            await eventually(lambda: "api" in stage.supervisor.snapshot().services)
            await eventually(lambda: stage.replica("api").pid is not None)

            await stage.supervisor.stop(["api"])

        assert refused == ["cannot go on with 'api': a later change took over"]
        assert stage.replica("api").state is State.STOPPED


async def _start_never(stage: Stage, refused: list[str]) -> None:
    try:
        await stage.run(api=service(healthcheck=NEVER))
    except ChangeError as exc:
        refused.append(str(exc))


@pytest.mark.slow
async def test_a_start_during_a_stop_waits_for_its_end(tmp_path: Path) -> None:
    """The old process is gone before the new one is there."""
    gate = tmp_path / "gate"
    stubborn = shell(
        f"trap 'until test -e {gate}; do sleep 0.01; done; exit' TERM; "
        "echo up; while :; do sleep 1000 & wait $!; done"
    )
    async with staged(tmp_path) as stage:
        await stage.run(api=stubborn)
        await eventually(lambda: (tmp_path / "logs/api/0.out.log").stat().st_size > 0)
        old = stage.pid("api")
        async with create_task_group() as group:
            group.start_soon(stage.supervisor.stop, ["api"])
            await eventually(lambda: stage.replica("api").state is State.STOPPING)
            group.start_soon(stage.supervisor.start, ["api"])
            await eventually(lambda: stage.replica("api").pid == old)

            gate.touch()

        assert stage.pid("api") != old
        assert stage.replica("api").state is State.RUNNING


async def test_a_cancelled_start_takes_back_what_is_not_ready(tmp_path: Path) -> None:
    """Aborting a start leaves nothing half started; what was ready before stays."""
    async with staged(tmp_path) as stage:
        await stage.run(db=service())
        pid = stage.pid("db")
        api = service(healthcheck=NEVER, depends_on=["db"])
        async with create_task_group() as group:
            group.start_soon(lambda: stage.run(db=service(), api=api))
            await eventually(lambda: "api" in stage.supervisor.snapshot().services)
            await eventually(lambda: stage.replica("api").pid is not None)

            group.cancel_scope.cancel()

        assert stage.replica("api").state is State.STOPPED
        assert stage.pid("db") == pid


async def test_a_step_of_a_later_suite_may_remove_a_service(tmp_path: Path) -> None:
    """A removed service is stopped and no longer known."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service(), web=service())
        pid = stage.pid("web")

        await stage.supervisor.apply({"web": service()}, Plan((Step("remove", "api", ()),)))

        assert set(stage.supervisor.snapshot().services) == {"web"}
        assert stage.pid("web") == pid
