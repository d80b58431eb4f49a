import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from shutil import which

import pytest
from anyio import create_task_group, fail_after, run_process

from intertie.drivers import Exit, Identity, Launch, Remains, proc
from intertie.drivers.process import ProcessDriver
from intertie.errors import DriverError
from intertie.trace_context import Tracer, use
from tests.drivers.launches import needs_root
from tests.w3c import PARENT
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

STUBBORN = "trap '' TERM; echo up; while :; do sleep 0.01; done"


def launch(
    folder: Path, script: str, *, name: str = "api", replica: int = 0, grace_s: float = 5.0
) -> Launch:
    """Of a shell script."""
    return Launch(
        service=name,
        replica=replica,
        argv=("/bin/sh", "-c", script),
        env={"PATH": os.environ["PATH"]},
        cwd=folder,
        stdout=folder / "out",
        stderr=folder / "err",
        stop_signal=signal.SIGTERM,
        stop_grace_s=grace_s,
    )


@asynccontextmanager
async def driving(folder: Path) -> AsyncIterator[ProcessDriver]:
    """A running driver of a suite of its own; nothing of it is left after."""
    driver = ProcessDriver(f"test{folder}")
    async with create_task_group() as group:
        await group.start(driver.run)
        with fail_after(30):
            yield driver
        group.cancel_scope.cancel()
    assert await driver.sweep(()) == 0, "processes were left behind"


async def wrote(file: Path) -> None:
    """Wait for the first output."""
    await eventually(lambda: file.exists() and file.stat().st_size > 0)


@pytest.mark.parametrize(
    ("script", "end"),
    [("exit 0", Exit(0, None)), ("exit 7", Exit(7, None)), ("kill -9 $$", Exit(None, 9))],
)
async def test_the_end_of_a_process_is_known(tmp_path: Path, script: str, end: Exit) -> None:
    """Exit code or signal, for everybody who waits."""
    async with driving(tmp_path) as driver:
        instance = await driver.start(launch(tmp_path, script))

        assert await instance.wait() == end
        assert await instance.wait() == end
        assert await instance.stop() == end


async def test_an_obedient_process_ends_by_itself(tmp_path: Path) -> None:
    """It gets the stop signal and may finish; nothing is killed."""
    # No child of its own: one that is just being forked does not hear the signal.
    script = "trap 'echo bye; exit 3' TERM; echo up; while :; do :; done"
    async with driving(tmp_path) as driver:
        instance = await driver.start(launch(tmp_path, script))
        await wrote(tmp_path / "out")

        assert await instance.stop() == Exit(3, None)
        assert (tmp_path / "out").read_text() == "up\nbye\n"


async def test_a_process_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    """After the grace period."""
    async with driving(tmp_path) as driver:
        instance = await driver.start(launch(tmp_path, STUBBORN, grace_s=0.05))
        await wrote(tmp_path / "out")

        assert await instance.stop() == Exit(None, signal.SIGKILL)


async def test_a_suspended_process_can_be_stopped(tmp_path: Path) -> None:
    """It is woken to obey."""
    async with driving(tmp_path) as driver:
        instance = await driver.start(launch(tmp_path, "exec sleep 1000"))
        os.kill(instance.identity.pid, signal.SIGSTOP)

        assert await instance.stop() == Exit(None, signal.SIGTERM)


async def test_a_service_hears_what_we_were_started_to_ignore(tmp_path: Path) -> None:
    """As behind `nohup`, or `&` in a script: else a stop signal of its own would do nothing."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        async with driving(tmp_path) as driver:
            script = "trap 'kill $!; exit 3' INT; echo up; sleep 1000 & wait $!"
            instance = await driver.start(launch(tmp_path, script))
            await wrote(tmp_path / "out")
            os.kill(instance.identity.pid, signal.SIGINT)

            assert await instance.wait() == Exit(3, None)
            await instance.stop()
    finally:
        signal.signal(signal.SIGINT, before)


async def test_the_whole_group_gets_the_grace_period(tmp_path: Path) -> None:
    """A child that still cleans up is not killed because its parent was quicker."""
    child = (
        "trap 'sleep 0.1; echo cleaned; exit' TERM; echo up; while :; do sleep 1000 & wait $!; done"
    )
    script = f"trap 'exit 0' TERM; ({child}) & while :; do sleep 1000 & wait $!; done"
    async with driving(tmp_path) as driver:
        instance = await driver.start(launch(tmp_path, script))
        await wrote(tmp_path / "out")

        assert await instance.stop() == Exit(0, None)
        assert (tmp_path / "out").read_text() == "up\ncleaned\n"


@pytest.mark.parametrize("way", ["{}", "setsid {}", "env -i setsid {}"])
async def test_nothing_of_the_tree_survives(tmp_path: Path, way: str) -> None:
    """A stubborn child: in the group, in a session of its own, without our mark."""
    stubborn = tmp_path / "stubborn"
    stubborn.write_text(
        f"#!/bin/sh\ntrap '' TERM\necho $$ > {tmp_path}/x\nmv {tmp_path}/x "
        f"{tmp_path}/pid\nwhile :; do /bin/sleep 0.01; done\n"
    )
    stubborn.chmod(0o755)
    script = f"{way.format(stubborn)} & wait"
    async with driving(tmp_path) as driver:
        instance = await driver.start(launch(tmp_path, script, grace_s=0.05))
        await eventually((tmp_path / "pid").exists)
        pid = int((tmp_path / "pid").read_text())

        await instance.stop()

        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_what_an_ended_process_left_is_killed(tmp_path: Path) -> None:
    """A child that its parent left behind is gone after `stop`, though nobody asked it."""
    script = f"setsid sleep 1000 & echo $! > {tmp_path}/pid"
    async with driving(tmp_path) as driver:
        instance = await driver.start(launch(tmp_path, script))
        await instance.wait()
        pid = int((tmp_path / "pid").read_text())
        os.kill(pid, 0)

        await instance.stop()

        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_stopping_one_replica_leaves_the_others(tmp_path: Path) -> None:
    """Neither replicas of the same service nor one whose name begins alike are touched."""
    async with driving(tmp_path) as driver:
        one = await driver.start(launch(tmp_path, "exec sleep 1000", replica=1))
        others = [
            await driver.start(launch(tmp_path, "exec sleep 1000", replica=10)),
            await driver.start(launch(tmp_path, "exec sleep 1000", name="api2", replica=1)),
        ]

        await one.stop()

        assert all(proc.is_alive(other.identity) for other in others)
        for other in others:
            await other.stop()


async def test_a_running_process_is_adopted(tmp_path: Path) -> None:
    """Another daemon can wait for it and stop it; how it ended, nobody can tell that one."""
    async with driving(tmp_path) as driver:
        instance = await driver.start(launch(tmp_path, "exec sleep 1000"))

        adopted = await driver.adopt(launch(tmp_path, "x"), instance.identity)
        assert adopted is not None
        assert adopted.identity == instance.identity
        end = await adopted.stop()

        assert end == Exit(None, None)
        assert await instance.stop() == Exit(None, signal.SIGTERM)


async def test_a_reused_pid_is_not_adopted(tmp_path: Path) -> None:
    """Same pid, another start time: a stranger."""
    async with driving(tmp_path) as driver:
        ours = proc.identify(os.getpid())
        assert ours is not None
        other = Identity(ours.pid, ours.start_ticks - 1)

        assert await driver.adopt(launch(tmp_path, "x"), other) is None
        assert await driver.reap(Remains("api", 0, other, signal.SIGTERM, 0.0)) is False


async def test_a_sweep_spares_what_is_kept(tmp_path: Path) -> None:
    """Everything of the suite is killed, except the replicas named."""
    async with driving(tmp_path) as driver:
        kept = await driver.start(launch(tmp_path, "sleep 1000", replica=0))
        script = f"echo up > {tmp_path}/up; setsid sleep 1000 & wait"
        lost = await driver.start(launch(tmp_path, script, replica=1))
        # Before a program has begun, the system shows no environment of its process.
        await wrote(tmp_path / "up")

        assert await driver.sweep([("api", 0)]) >= 1

        assert (await lost.wait()).signal == signal.SIGKILL
        assert proc.is_alive(kept.identity)
        await kept.stop()
        await lost.stop()


async def test_a_sweep_spares_other_suites(tmp_path: Path) -> None:
    """Suites side by side do not end each other's services."""
    async with driving(tmp_path / "a") as driver, driving(tmp_path / "b") as other:
        instance = await driver.start(launch(tmp_path, "exec sleep 1000"))

        assert await other.sweep(()) == 0

        assert proc.is_alive(instance.identity)
        await instance.stop()


async def test_orphans_are_reaped(tmp_path: Path) -> None:
    """A grandchild that loses its parent and ends does not stay as a zombie."""
    script = f"(setsid sh -c 'echo $$ > {tmp_path}/pid; exit 0' &) ; exec sleep 1000"
    async with driving(tmp_path) as driver:
        instance = await driver.start(launch(tmp_path, script))
        await wrote(tmp_path / "pid")
        pid = int((tmp_path / "pid").read_text())

        await eventually(lambda: proc.stat(pid) is None)

        await instance.stop()


@pytest.fixture
def bystander() -> "Iterator[subprocess.Popen[bytes]]":
    """A program that some library runs in our process."""
    with subprocess.Popen(["/bin/sh", "-c", "exit 5"]) as child:
        yield child


async def test_children_of_others_are_left_to_them(
    tmp_path: Path, bystander: "subprocess.Popen[bytes]"
) -> None:
    """Whoever started a program gets its exit code, however many orphans are reaped meanwhile."""
    async with driving(tmp_path) as driver:
        await eventually(lambda: (found := proc.stat(bystander.pid)) is not None and found.zombie)
        instance = await driver.start(launch(tmp_path, "(setsid true &)"))
        await instance.wait()
        await instance.stop()

        assert bystander.poll() == 5


async def test_no_file_handle_is_kept(tmp_path: Path) -> None:
    """A thousand restarts do not use handles up."""
    async with driving(tmp_path) as driver:
        before = len(os.listdir("/proc/self/fd"))

        for _ in range(5):
            instance = await driver.start(launch(tmp_path, "exit 0"))
            await instance.wait()
            await instance.stop()

        assert len(os.listdir("/proc/self/fd")) == before


async def test_many_are_stopped_together(tmp_path: Path) -> None:
    """Each waits for its own end only."""
    async with driving(tmp_path) as driver:
        instances = [
            await driver.start(launch(tmp_path, "exec sleep 1000", replica=index))
            for index in range(50)
        ]

        async with create_task_group() as group:
            for instance in instances:
                group.start_soon(instance.stop)

        assert not any(proc.is_alive(instance.identity) for instance in instances)


@pytest.mark.slow
async def test_what_a_finished_helper_left_is_reaped(tmp_path: Path) -> None:
    """An orphan in our own session looks like a child of our own, until nobody waits for it."""
    driver = ProcessDriver(f"test{tmp_path}", abandoned_s=0.1)
    script = f"(sh -c 'echo $$ >{tmp_path}/x; mv {tmp_path}/x {tmp_path}/pid; exit 5' &)"
    async with create_task_group() as group:
        await group.start(driver.run)
        await run_process(["/bin/sh", "-c", script])
        await eventually((tmp_path / "pid").exists)
        pid = int((tmp_path / "pid").read_text())

        await eventually(lambda: proc.stat(pid) is None)
        group.cancel_scope.cancel()


FIRST_PROCESS = """
import os, signal, subprocess, sys
from pathlib import Path
import anyio
from anyio import create_task_group, fail_after, sleep
from intertie.drivers import Launch, proc
from intertie.drivers.process import ProcessDriver

def dead():
    return [s for s in proc.everything() if s.zombie]

async def main(folder):
    assert os.getpid() == 1
    orphans = "(setsid sh -c 'exit 3' &); (sh -c 'exit 4' &)"
    script = f"for i in 1 2 3 4 5; do {orphans}; done; exec sleep 1000"
    launch = Launch(service="api", replica=0, argv=("sh", "-c", script), env=dict(os.environ),
        cwd=folder, stdout=folder / "out", stderr=folder / "err", stop_signal=15, stop_grace_s=5)
    driver = ProcessDriver("first", abandoned_s=0.2)
    async with create_task_group() as group:
        await group.start(driver.run)
        instance = await driver.start(launch)
        subprocess.run(["sh", "-c", "(sh -c 'exit 6' &); (setsid sh -c 'exit 7' &)"], check=True)
        with fail_after(20):
            while list(s.identity.pid for s in proc.everything()) != [1, instance.identity.pid]:
                await sleep(0.01)
        print("reaped", dead())
        print(await instance.stop(), proc.children(1))
        group.cancel_scope.cancel()

anyio.run(main, Path(sys.argv[1]))
"""


@pytest.mark.slow
@needs_root
@pytest.mark.skipif(which("unshare") is None, reason="needs unshare of util-linux")
async def test_the_first_process_of_a_container_reaps_all(tmp_path: Path) -> None:
    """Orphans of services, and of programs that others ran, whatever their session: none stays."""
    space = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
    with fail_after(60):
        ended = await run_process(
            [*space, sys.executable, "-c", FIRST_PROCESS, str(tmp_path)], stderr=None
        )

    assert ended.stdout.decode() == "reaped []\nExit(code=None, signal=15) []\n"


async def test_a_program_starts_with_all_it_was_given(tmp_path: Path) -> None:
    """Limits, mask and sockets together; it is stopped as any other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        made = replace(
            launch(tmp_path, "umask; ulimit -n; echo $LISTEN_FDS; exec sleep 1000"),
            umask=0o27,
            ulimits={"nofile": (50, 60)},
            listen=(listener.fileno(),),
        )
        async with driving(tmp_path) as driver:
            instance = await driver.start(made)
            await eventually(lambda: made.stdout.read_text() == "0027\n50\n1\n")

            assert await instance.stop() == Exit(None, signal.SIGTERM)


async def test_a_prepared_start_that_fails_leaves_no_process(tmp_path: Path) -> None:
    """It is refused as a plain one."""
    made = replace(launch(tmp_path, "x"), argv=("no-such",), ulimits={"nofile": (50, 60)})
    async with driving(tmp_path) as driver:
        before = set(proc.children(os.getpid()))
        with pytest.raises(DriverError, match="cannot start service 'api': program 'no-such'"):
            await driver.start(made)

        assert set(proc.children(os.getpid())) <= before


async def test_nothing_of_a_prepared_tree_survives(tmp_path: Path) -> None:
    """Also a child in a session of its own, without our mark."""
    script = f"env -i setsid sh -c 'echo $$ >{tmp_path}/pid; exec sleep 1000' & wait"
    made = replace(launch(tmp_path, script), ulimits={"core": (0, 0)})
    async with driving(tmp_path) as driver:
        instance = await driver.start(made)
        await wrote(tmp_path / "pid")
        pid = int((tmp_path / "pid").read_text())

        await instance.stop()

        assert proc.stat(pid) is None


async def test_a_process_is_told_of_the_trace_that_it_is_started_in(tmp_path: Path) -> None:
    """By its environment; outside of all traces it is told nothing."""
    script = 'echo "${TRACEPARENT-none} ${TRACESTATE-none}"'
    async with driving(tmp_path) as driver:
        context = Tracer().follow(PARENT, "a=1")
        with use(context):
            first = await driver.start(launch(tmp_path, script))
        await first.wait()
        await first.stop()
        second = await driver.start(launch(tmp_path, script))
        await second.wait()
        await second.stop()

    told = (tmp_path / "out").read_text().splitlines()
    assert told == [f"{context.traceparent} a=1", "none none"]
