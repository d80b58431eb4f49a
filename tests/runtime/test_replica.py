import os
import signal
import socket
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.errors import ChangeError
from intertie.event import ServiceFailed, ServiceStarted, ServiceStopped
from intertie.plan import State
from tests.runtime.stage import service, shell, staged
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


async def test_a_killed_service_is_started_again_at_once(tmp_path: Path) -> None:
    """The first restart does not wait; the events tell what happened."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service(restart="always"))
        await stage.next(ServiceStarted)
        first = stage.pid("api")

        os.kill(first, signal.SIGKILL)
        stopped = await stage.next(ServiceStopped)
        failed = await stage.next(ServiceFailed)
        started = await stage.next(ServiceStarted)

        assert stopped.data["signal"] == signal.SIGKILL
        assert stopped.data["wanted"] is False
        assert failed.data["retry_in_s"] == 0
        assert started.data["pid"] == stage.pid("api") != first
        assert stage.replica("api").restarts == 1


async def test_a_service_that_keeps_failing_is_given_up(tmp_path: Path) -> None:
    """After `max_attempts` restarts the service is FAILED, and the last event says so."""
    restart = {"policy": "on-failure", "max_attempts": 2, "delay": "1ms"}
    async with staged(tmp_path) as stage:
        await stage.run(bad=shell("exit 3", restart=restart))

        delays = [(await stage.next(ServiceFailed)).data["retry_in_s"] for _ in range(3)]

        assert delays[0] == 0
        assert delays[2] is None
        assert stage.replica("bad").state is State.FAILED
        assert stage.replica("bad").reason == "ended with exit code 3"


async def test_restarts_are_spaced_out(tmp_path: Path) -> None:
    """While a service waits to be started again it is in BACKOFF, and says why."""
    restart = {"policy": "always", "delay": "1h", "max_delay": "1h"}
    async with staged(tmp_path) as stage:
        await stage.run(bad=shell("exit 3", restart=restart))
        await stage.next(ServiceFailed)

        second = await stage.next(ServiceFailed)

        assert isinstance(second.data["retry_in_s"], float)
        assert second.data["retry_in_s"] > 0
        await eventually(lambda: stage.replica("bad").state is State.BACKOFF)
        assert stage.replica("bad").reason == "ended with exit code 3"


async def test_a_job_that_ends_well_is_completed(tmp_path: Path) -> None:
    """Exit code 0 without a policy that restarts it is COMPLETED, not a failure."""
    async with staged(tmp_path) as stage:
        await stage.run(job=shell("exit 0", restart="on-failure"))

        await eventually(lambda: stage.replica("job").state is State.COMPLETED)

        assert stage.subjects(ServiceFailed) == []


async def test_start_says_why_it_failed_with_the_last_lines(tmp_path: Path) -> None:
    """Who starts a service that ends before it is healthy sees its exit code and last words."""
    script = "echo old; echo starting; echo 'no config' >&2; exit 7"
    never = {"test": ["false"], "interval": "1s"}
    async with staged(tmp_path) as stage:
        with pytest.raises(ChangeError) as caught:
            await stage.run(bad=shell(script, healthcheck=never))

    assert str(caught.value).splitlines() == [
        "cannot start service 'bad': ended with exit code 7",
        "  out: old",
        "  out: starting",
        "  err: no config",
    ]


async def test_start_shows_no_lines_of_an_earlier_run(tmp_path: Path) -> None:
    """The lines are those of the run that failed."""
    never = {"test": ["false"], "interval": "1s"}
    bad = shell("echo run; exit 7", healthcheck=never)
    async with staged(tmp_path) as stage:
        for _ in range(2):
            with pytest.raises(ChangeError) as caught:
                await stage.run(bad=bad)

            assert str(caught.value).count("run") == 1


async def test_a_program_that_is_not_there_fails_the_start_at_once(tmp_path: Path) -> None:
    """No policy makes anybody wait for a program that cannot be run."""
    restart = {"policy": "always", "delay": "1h", "max_delay": "1h"}
    async with staged(tmp_path) as stage:
        with pytest.raises(ChangeError, match="program 'no-such' is not found in PATH"):
            await stage.run(bad=service("no-such", restart=restart))


async def test_a_service_that_ends_again_and_again_fails_the_start(tmp_path: Path) -> None:
    """Who waits for the start learns of it after some runs, while the restarts go on."""
    never = {"test": ["false"], "interval": "1s"}
    restart = {"policy": "always", "delay": "1ms"}
    async with staged(tmp_path) as stage:
        with pytest.raises(ChangeError, match="exit code 2"):
            await stage.run(bad=shell("exit 2", healthcheck=never, restart=restart))

        assert stage.replica("bad").state is not State.FAILED
        assert stage.replica("bad").restarts >= 4


async def test_a_taken_port_names_its_holder(tmp_path: Path) -> None:
    """A fixed port that somebody listens on is not fought for."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        async with staged(tmp_path) as stage:
            with pytest.raises(ChangeError, match=rf"port {port} is taken by pid {os.getpid()} \("):
                await stage.run(api=service(port=port))


async def test_an_automatic_port_is_kept_while_it_is_free(tmp_path: Path) -> None:
    """Those who were told the port of a service need not learn another after a crash."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service(port="auto", restart="always"))
        first = stage.replica("api").port
        await stage.next(ServiceStarted)

        os.kill(stage.pid("api"), signal.SIGKILL)
        again = await stage.next(ServiceStarted)

        assert again.data["port"] == first


async def test_an_automatic_port_that_is_taken_meanwhile_is_replaced(tmp_path: Path) -> None:
    """A port somebody else listens on now is not handed to the service."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service(port="auto"))
        first = stage.replica("api").port
        await stage.supervisor.stop(["api"])

        with socket.create_server(("127.0.0.1", first or 0)):
            await stage.supervisor.start(["api"])

            assert stage.replica("api").port not in {None, first}


async def test_what_a_crashed_service_left_is_gone_before_the_restart(tmp_path: Path) -> None:
    """A child that outlived its parent does not outlive the restart."""
    child = tmp_path / "child"
    script = f"setsid sleep 1000 & echo $! > {child}.part; mv {child}.part {child}; wait"
    async with staged(tmp_path) as stage:
        await stage.run(api=shell(script, restart="always"))
        await stage.next(ServiceStarted)
        await eventually(child.exists)
        left = int(child.read_text())

        os.kill(stage.pid("api"), signal.SIGKILL)
        await stage.next(ServiceStarted)

        with pytest.raises(ProcessLookupError):
            os.kill(left, 0)


async def test_a_stop_ends_the_waiting_for_a_restart(tmp_path: Path) -> None:
    """A service in BACKOFF is stopped at once."""
    restart = {"policy": "always", "delay": "1h", "max_delay": "1h"}
    async with staged(tmp_path) as stage:
        await stage.run(bad=shell("exit 1", restart=restart))
        await eventually(lambda: stage.replica("bad").restarts == 2)

        await stage.supervisor.stop(["bad"])

        assert stage.replica("bad").state is State.STOPPED


async def test_many_stops_at_once_are_one(tmp_path: Path) -> None:
    """Stopping what is being stopped waits for the same end."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service())

        async with create_task_group() as group:
            for _ in range(3):
                group.start_soon(stage.supervisor.stop, ["api"])

        assert stage.replica("api").state is State.STOPPED
        assert stage.subjects(ServiceStopped) == ["api"]
