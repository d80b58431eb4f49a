import os
import signal
from pathlib import Path

import pytest
from anyio import connect_tcp, create_task_group

from intertie.errors import ChangeError, NotFoundError
from intertie.plan import State
from intertie.runtime.ports import is_free
from tests.runtime.dead import still_runs
from tests.runtime.stage import service, shell, staged
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


async def test_a_service_that_never_writes_its_line_has_failed_to_start(tmp_path: Path) -> None:
    """With the pattern that was looked for."""
    check = {"test": ["true"], "start_period": "200ms"}
    async with staged(tmp_path) as stage:
        with pytest.raises(ChangeError, match="no line of its log matches 'listening'"):
            await stage.run(
                db=shell("echo hello; sleep 99", ready_log_line="listening", healthcheck=check)
            )


async def test_a_failed_liveness_check_ends_the_process(tmp_path: Path) -> None:
    """The restart policy decides what follows; the reason is kept."""
    alive = tmp_path / "alive"
    alive.touch()
    live = {"test": ["test", "-e", str(alive)], "interval": "10ms", "failure_threshold": 2}
    check = {"test": ["true"], "interval": "10ms", "liveness": live}
    async with staged(tmp_path) as stage:
        await stage.run(api=service(restart="always", healthcheck=check))
        pid = stage.pid("api")
        standing = stage.supervisor.standings()["api"][0]

        alive.unlink()
        await eventually(lambda: stage.replica("api").pid not in {pid, None})
        alive.touch()

        assert any(m.reason == "liveness check: test: exit code 1" for m in standing.moments)


async def test_the_startup_check_comes_before_the_others(tmp_path: Path) -> None:
    """A liveness check that would fail does no harm before."""
    started, file = tmp_path / "started", tmp_path / "asked"
    live = {"test": ["touch", str(file)], "interval": "10ms"}
    startup = {"test": ["test", "-e", str(started)], "interval": "10ms"}
    check = {"test": ["true"], "interval": "10ms", "startup": startup, "liveness": live}
    async with staged(tmp_path) as stage, create_task_group() as group:
        group.start_soon(lambda: stage.run(api=service(healthcheck=check)))
        await eventually(lambda: "api" in stage.supervisor.snapshot().services)
        await eventually(lambda: stage.replica("api").pid is not None)
        assert stage.replica("api").state is State.STARTING
        assert not file.exists()

        started.touch()
        await eventually(lambda: stage.replica("api").state is State.RUNNING)
        await eventually(file.exists)


async def test_an_unhealthy_service_is_restarted_where_that_is_declared(tmp_path: Path) -> None:
    """Whatever the policy says about ends."""
    file = tmp_path / "well"
    file.touch()
    check = {"test": ["test", "-e", str(file)], "interval": "10ms", "failure_threshold": 1}
    restart = {"policy": "no", "when": {"unhealthy": True}}
    async with staged(tmp_path) as stage:
        await stage.run(api=service(restart=restart, healthcheck=check))
        pid = stage.pid("api")

        file.unlink()
        await eventually(lambda: stage.replica("api").pid not in {pid, None})
        file.touch()
        await eventually(lambda: stage.replica("api").state is State.RUNNING)


async def test_a_service_past_its_age_is_restarted_without_a_failure(tmp_path: Path) -> None:
    """It is asked to end as on request, and no attempt is counted."""
    restart = {"policy": "on-failure", "max_attempts": 1, "when": {"age": "100ms"}}
    async with staged(tmp_path) as stage:
        await stage.run(api=service(restart=restart))

        await eventually(lambda: stage.replica("api").restarts >= 3)

        assert stage.replica("api").state is not State.FAILED


@pytest.mark.slow
async def test_a_service_that_holds_too_much_memory_is_restarted(tmp_path: Path) -> None:
    """With both figures in the reason."""
    hoard = "import time; held = b'x' * 80_000_000; time.sleep(99)"
    restart = {"policy": "no", "max_attempts": 1, "when": {"memory": "40MB"}}
    async with staged(tmp_path) as stage:
        await stage.run(api=service(["python3", "-c", hoard], restart=restart))
        standing = stage.supervisor.standings()["api"][0]

        await eventually(lambda: stage.replica("api").restarts == 1)

        assert any("of memory, more than 40 MiB" in moment.reason for moment in standing.moments)


async def test_a_service_says_itself_that_it_is_ready_and_well(tmp_path: Path) -> None:
    """READY=1 makes it healthy at once; without WATCHDOG=1 it is ended."""
    script = (
        "import os, socket, sys, time\n"
        "tell = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "tell.connect(os.environ['NOTIFY_SOCKET'])\n"
        "tell.send(b'READY=1\\nSTATUS=serving')\n"
        "time.sleep(1000)\n"
    )
    live = {"notify": True, "timeout": "300ms", "interval": "20ms", "failure_threshold": 1}
    check = {"notify": True, "interval": "1h", "liveness": live}
    async with staged(tmp_path) as stage:
        await stage.run(api=service(["python3", "-c", script], healthcheck=check, restart="always"))
        standing = stage.supervisor.standings()["api"][0]

        await eventually(lambda: stage.replica("api").restarts > 0)

        assert any("no WATCHDOG=1" in moment.reason for moment in standing.moments)


_ON_DEMAND = """
import socket
listener = socket.socket(fileno=3)
while True:
    client, _ = listener.accept()
    client.recv(100)
    client.send(b"served")
    client.close()
"""


async def ask(port: int) -> bytes:
    """What a service on this port answers."""
    async with await connect_tcp("127.0.0.1", port) as stream:
        await stream.send(b"x")
        return await stream.receive()


async def test_a_service_on_demand_is_started_by_the_first_connection(tmp_path: Path) -> None:
    """Its port is open from the beginning; after some quiet it is stopped until the next one."""
    async with staged(tmp_path) as stage:
        api = service(
            ["python3", "-c", _ON_DEMAND], port="auto", on_demand={"idle_timeout": "200ms"}
        )
        await stage.run(api=api)
        replica = stage.replica("api")
        assert (replica.state, replica.pid) == (State.LISTENING, None)
        assert replica.port is not None

        assert await ask(replica.port) == b"served"
        assert stage.replica("api").state is State.RUNNING
        await eventually(lambda: stage.replica("api").state is State.LISTENING)
        assert stage.replica("api").pid is None
        assert await ask(replica.port) == b"served"


async def test_a_service_on_demand_that_crashes_serves_the_next(tmp_path: Path) -> None:
    """Connections made meanwhile wait in the port that stayed open."""
    async with staged(tmp_path) as stage:
        api = service(["python3", "-c", _ON_DEMAND], port="auto", on_demand=True, restart="always")
        await stage.run(api=api)
        port = stage.replica("api").port
        assert port is not None
        await ask(port)

        pid = stage.pid("api")
        os.kill(pid, signal.SIGKILL)
        # On another core it may take one more connection before the signal reaches it.
        await eventually(lambda: not still_runs(pid))

        assert await ask(port) == b"served"
        await stage.supervisor.stop(["api"])
        assert is_free(port)


async def test_a_terminal_shows_and_takes_what_is_typed(tmp_path: Path) -> None:
    """The log has it as well; the last words of an ending service are not lost."""
    script = "trap 'echo bye; exit' TERM; test -t 0 && echo tty; while read x; do echo got $x; done"
    async with staged(tmp_path) as stage:
        await stage.run(api=shell(script, tty=True, ready_log_line="tty"))
        terminal = stage.supervisor.terminal("api", 0)
        with terminal.attach() as viewer:
            await terminal.write(b"a b\n")
            seen = b""
            while b"got a b" not in seen:
                seen += await anext(viewer)

        await stage.supervisor.stop(["api"])

    assert "bye" in (tmp_path / "logs/api/0.out.log").read_text()


async def test_only_services_with_a_terminal_can_be_attached_to(tmp_path: Path) -> None:
    """What to do about it is said."""
    async with staged(tmp_path) as stage:
        await stage.run(api=service())

        with pytest.raises(NotFoundError, match="give it `tty: true`"):
            stage.supervisor.terminal("api", 0)


async def test_a_process_runs_with_its_umask_and_limits(tmp_path: Path) -> None:
    """As the file says, before its first instruction."""
    script = "umask; ulimit -n; ulimit -Hn; sleep 99"
    async with staged(tmp_path) as stage:
        api = shell(
            script, umask="027", ulimits={"nofile": {"soft": 77, "hard": 88}}, ready_log_line="88"
        )
        await stage.run(api=api)

        assert await stage.text("api") == ["0027", "77", "88"]
