"""What services wait for, and what becomes of those that wait in vain."""

import os
import signal
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.errors import ChangeError
from intertie.plan import State
from tests.runtime.stage import service, shell, staged
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


def after(other: str, condition: str, **keys: object) -> dict[str, object]:
    """A dependency."""
    return {"depends_on": {other: {"condition": condition, **keys}}}


async def test_a_service_starts_once_the_line_is_in_the_log_of_another(tmp_path: Path) -> None:
    """Not before, though the other runs; a line of an earlier run does not count."""
    log = tmp_path / "logs/db/0.out.log"
    log.parent.mkdir(parents=True)
    log.write_text("ready to serve\n")
    file = tmp_path / "go"
    script = f"while ! test -e {file}; do sleep 0.01; done; echo ready to serve; sleep 99"
    async with staged(tmp_path) as stage, create_task_group() as group:
        db = shell(script, ready_log_line="^ready to")
        api = service(**after("db", "service_log_ready"))
        group.start_soon(lambda: stage.run(db=db, api=api))
        await eventually(lambda: "api" in stage.supervisor.snapshot().services)
        await eventually(lambda: stage.replica("db").pid is not None)
        assert stage.replica("db").state is State.STARTING
        assert stage.replica("api").state is State.WAITING

        file.touch()

        await eventually(lambda: stage.replica("api").state is State.RUNNING)
        assert stage.replica("db").state is State.RUNNING


@pytest.mark.parametrize("code", [0, 3])
async def test_a_service_starts_once_a_job_has_ended_somehow(tmp_path: Path, code: int) -> None:
    """`service_completed` asks for the end alone."""
    async with staged(tmp_path) as stage:
        job = shell(f"exit {code}", restart="no")
        api = service(**after("job", "service_completed"))
        await stage.run(job=job, api=api)

        assert stage.replica("api").state is State.RUNNING


async def test_an_exit_code_of_success_completes_a_job(tmp_path: Path) -> None:
    """The codes that are no failure are the file's to say."""
    restart = {"policy": "on-failure", "success_exit_codes": [0, 3]}
    async with staged(tmp_path) as stage:
        job = shell("exit 3", restart=restart)
        api = service(**after("job", "service_completed_successfully"))

        await stage.run(job=job, api=api)

        assert stage.replica("job").state is State.COMPLETED


async def test_a_dependency_that_is_not_required_may_fail_or_be_missing(tmp_path: Path) -> None:
    """It is waited for while it may come true, and no longer."""
    optional = {
        "depends_on": {
            "gone": {"required": False},
            "job": {"condition": "service_completed_successfully", "required": False},
        }
    }
    async with staged(tmp_path) as stage:
        await stage.run(job=shell("exit 1"), api=service(**optional))

        assert stage.replica("api").state is State.RUNNING
        assert stage.replica("job").state is State.FAILED


async def test_a_start_without_dependencies_waits_for_nothing(tmp_path: Path) -> None:
    """What it depends on is not started either."""
    async with staged(tmp_path) as stage:
        await stage.know(db=service(), api=service(**after("db", "service_started")))

        await stage.supervisor.start(["api"], alone=True)

        assert stage.replica("api").state is State.RUNNING
        assert stage.replica("db").state is State.STOPPED


async def test_a_failure_deep_down_is_told_once(tmp_path: Path) -> None:
    """Those that only wait are named, not explained each with all before it."""
    services = {f"s{i}": service(**after(f"s{i - 1}", "service_started")) for i in range(1, 6)}
    async with staged(tmp_path) as stage:
        with pytest.raises(ChangeError) as caught:
            await stage.run(s0=service("/does/not/exist"), **services)

        first, last = str(caught.value).splitlines()
        assert first == "cannot start service 's0': program /does/not/exist does not exist"
        assert last.startswith("not started, as they need 's0': s1, ")
        assert stage.replica("s5").reason.startswith("it needs 's0', which failed: ")


async def test_a_service_that_is_not_started_by_itself_waits_for_a_request(tmp_path: Path) -> None:
    """`autostart: false`: known, stopped, started on request or when another needs it."""
    async with staged(tmp_path) as stage:
        await stage.run(job=service(autostart=False), api=service())
        assert stage.replica("job").state is State.STOPPED

        await stage.run(
            job=service(autostart=False), api=service(), web=service(depends_on=["job"])
        )

        assert stage.replica("job").state is State.RUNNING


async def test_a_rolling_restart_that_starts_first_never_has_fewer(tmp_path: Path) -> None:
    """One replica more meanwhile, and the same indices after."""
    fewest: list[int] = []

    async def note(replica: object) -> None:
        replicas = stage.supervisor.snapshot().services["api"].replicas
        fewest.append(sum(r.state is State.RUNNING and not r.draining for r in replicas))

    async with staged(tmp_path, before_stop=note) as stage:
        await stage.run(api=service(replicas=2, port="auto", update={"order": "start-first"}))
        before = {stage.pid("api", index) for index in range(2)}

        await stage.supervisor.restart(["api"])

        status = stage.supervisor.snapshot().services["api"]
        assert fewest == [2, 2, 2]
        assert [replica.index for replica in status.replicas] == [0, 1]
        assert before.isdisjoint(replica.pid for replica in status.replicas)


async def test_a_rolling_restart_whose_first_new_one_fails_keeps_the_old(tmp_path: Path) -> None:
    """Nothing that served is touched."""
    file = tmp_path / "broken"
    script = f"test -e {file} && exit 1; echo up; sleep 99"
    first = {"port": "auto", "update": {"order": "start-first"}}
    async with staged(tmp_path) as stage:
        await stage.run(api=shell(script, **first, ready_log_line="up"))
        pid = stage.pid("api")
        file.touch()
        broken = shell(script, **first, ready_log_line="never")

        with pytest.raises(ChangeError, match="exit code 1"):
            await stage.run(api=broken)

        assert stage.pid("api") == pid
        assert len(stage.supervisor.snapshot().services["api"].replicas) == 1


async def test_live_scaling_leaves_those_there_alone(tmp_path: Path) -> None:
    """Up and down again."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service(port="auto"))
        pid = stage.pid("api")

        await stage.supervisor.scale("api", 3)
        assert len(stage.supervisor.snapshot().services["api"].replicas) == 3
        await stage.supervisor.scale("api", 1)

        assert len(stage.supervisor.snapshot().services["api"].replicas) == 1
        assert stage.pid("api") == pid


async def test_a_reload_signals_every_replica(tmp_path: Path) -> None:
    """And restarts none."""
    script = "trap 'echo again' HUP; echo up; while true; do sleep 1000 & wait $!; done"
    async with staged(tmp_path) as stage:
        await stage.run(api=shell(script, replicas=2, ready_log_line="up"))
        pids = [stage.pid("api", index) for index in range(2)]

        await stage.supervisor.reload(["api"])

        logs = [tmp_path / f"logs/api/{index}.out.log" for index in range(2)]
        await eventually(lambda: all("again" in log.read_text() for log in logs))
        assert [stage.pid("api", index) for index in range(2)] == pids


async def test_a_crash_on_a_wait_for_a_dependency_that_is_down_is_told(tmp_path: Path) -> None:
    """A service whose dependency died after it started goes on: nothing was declared."""
    async with staged(tmp_path) as stage:
        await stage.run(db=service(restart="always"), api=service(depends_on=["db"]))
        pid = stage.pid("api")
        old = stage.pid("db")

        os.kill(old, signal.SIGKILL)
        await eventually(lambda: stage.replica("db").pid not in {old, None})

        assert stage.pid("api") == pid
