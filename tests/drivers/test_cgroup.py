import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from anyio import create_task_group, fail_after

from intertie.drivers import Limits, Remains, proc
from intertie.drivers.cgroup import Groups, available
from intertie.drivers.process import ProcessDriver
from intertie.errors import DriverError
from tests.drivers.launches import launch
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

WHY_NOT = available()
limited = pytest.mark.skipif(WHY_NOT is not None, reason=f"no limits here: {WHY_NOT}")
unlimited = pytest.mark.skipif(WHY_NOT is None, reason="limits work here")
MIB = 1 << 20


def has_groups() -> bool:
    """Whether groups can be made at all, also where they cannot limit anything."""
    groups = Groups(f"probe{os.getpid()}")
    try:
        made = groups.make(launch(Path(), "true"), Limits())
    except DriverError:
        return False
    made.clear()
    made.path.parent.rmdir()
    return True


grouped = pytest.mark.skipif(not has_groups(), reason="no control groups version 2 to write to")


def own_group(pid: int) -> str:
    """The name of its group."""
    lines = Path(f"/proc/{pid}/cgroup").read_text().splitlines()
    return next(line for line in lines if line.startswith("0::")).rpartition("/")[2]


@asynccontextmanager
async def driving(folder: Path) -> AsyncIterator[tuple[ProcessDriver, Path]]:
    """A running driver, and the folder of its groups; none is left after."""
    name = f"test{abs(hash(folder))}"
    driver = ProcessDriver(name)
    above = Groups(name).make(launch(folder, "true", service="probe"), Limits()).path.parent
    (above / "probe@0").rmdir()
    async with create_task_group() as group:
        await group.start(driver.run)
        with fail_after(30):
            yield driver, above
        group.cancel_scope.cancel()
    assert [path.name for path in above.glob("*@*/")] == []
    for below in (above / "daemon", above):
        if below.exists() and not (below / "cgroup.procs").read_text():
            below.rmdir()


def groups_named(name: str) -> list[Path]:
    """Wherever they are."""
    # Unlike `rglob`, it goes on when a group is removed meanwhile.
    tree = os.walk("/sys/fs/cgroup")
    return [Path(above) / name for above, folders, _ in tree if name in folders]


@unlimited
@pytest.mark.parametrize(
    ("limits", "what", "keys"),
    [
        (Limits(memory_bytes=MIB), "memory", "mem_limit"),
        (Limits(cpus=0.5), "CPU", "cpus"),
        (Limits(pids=9), "processes", "pids_limit"),
        (Limits(memory_bytes=MIB, pids=9), "memory and processes", "mem_limit and pids_limit"),
        (Limits(1, 1.0, 1), "memory, CPU and processes", "mem_limit, cpus and pids_limit"),
    ],
)
async def test_where_nothing_can_be_limited_that_is_told(
    tmp_path: Path, limits: Limits, what: str, keys: str
) -> None:
    """What was wanted, why not, and what to do; and the service does not start without."""
    name = f"refused{os.getpid()}"
    driver = ProcessDriver(name)

    with pytest.raises(DriverError) as caught:
        await driver.start(launch(tmp_path, "touch", str(tmp_path / "ran"), limits=limits))

    told = str(caught.value)
    assert told.startswith(f"cannot limit {what} of service 'api': ")
    assert told.endswith(
        "; run as root on a machine with cgroup v2, delegate a cgroup "
        f"(systemd-run --user -p Delegate=yes), or take {keys} away"
    )
    assert not (tmp_path / "ran").exists()
    assert groups_named(f"intertie-{name}") == []


@grouped
async def test_a_replica_has_a_group_of_its_own(tmp_path: Path) -> None:
    """From its first moment, with the pid it was started with; gone with the replica."""
    script = "cat /proc/self/cgroup; echo $$; exec sleep 1000"
    async with driving(tmp_path) as (driver, above):
        made = launch(tmp_path, "sh", "-c", script, replica=2, limits=Limits())
        instance = await driver.start(made)
        await eventually(lambda: made.stdout.read_text().endswith(f"{instance.identity.pid}\n"))

        assert f"/{above.name}/api@2\n" in made.stdout.read_text()
        assert (above / "api@2").is_dir()
        await instance.stop()
        assert not (above / "api@2").exists()


@grouped
async def test_nobody_escapes_from_a_group(tmp_path: Path) -> None:
    """Whatever a process did to be lost, its group still names it."""
    lost = f"setsid sh -c 'echo $$ >{tmp_path}/pid; exec -a x sleep 1000'"
    script = f"env -i PATH=$PATH {lost.replace('exec -a x', 'exec')} & sleep 1000"
    async with driving(tmp_path) as (driver, above):
        instance = await driver.start(launch(tmp_path, "sh", "-c", script, limits=Limits()))
        await eventually(lambda: (tmp_path / "pid").exists() and bool(pid_in(tmp_path)))
        pid = pid_in(tmp_path)
        assert own_group(pid) == "api@0"

        await instance.stop()

        assert proc.stat(pid) is None
        assert not (above / "api@0").exists()


def pid_in(folder: Path) -> int:
    """What the script wrote; 0 when nothing yet."""
    return int((folder / "pid").read_text() or 0)


@grouped
async def test_a_group_outlives_the_daemon_and_is_found_again(tmp_path: Path) -> None:
    """Adopted, reaped or swept, it is gone after."""
    async with driving(tmp_path) as (driver, above):
        first = await driver.start(launch(tmp_path, "sleep", "1000", limits=Limits()))
        adopted = await driver.adopt(launch(tmp_path, "x", limits=Limits()), first.identity)
        assert adopted is not None
        await adopted.stop()
        assert not (above / "api@0").exists()
        await first.stop()

        second = await driver.start(launch(tmp_path, "sleep", "1000", limits=Limits()))
        remains = Remains("api", 0, second.identity, signal.SIGTERM, 5.0)
        assert await driver.reap(remains)
        assert not (above / "api@0").exists()
        await second.stop()

        third = await driver.start(launch(tmp_path, "sleep", "1000", limits=Limits()))
        assert await driver.sweep([("api", 0)]) == 0
        assert (above / "api@0").exists()
        assert await driver.sweep([]) >= 1
        assert not (above / "api@0").exists()
        await third.stop()


@grouped
async def test_a_start_that_fails_leaves_no_group(tmp_path: Path) -> None:
    """Nor does one that was refused."""
    async with driving(tmp_path) as (driver, above):
        with pytest.raises(DriverError, match="program 'no-such' is not found"):
            await driver.start(launch(tmp_path, "no-such", limits=Limits()))

        assert not (above / "api@0").exists()


@pytest.fixture
def stranger() -> "Iterator[subprocess.Popen[bytes]]":
    """A process that no driver started."""
    with subprocess.Popen(["sleep", "1000"]) as child:
        yield child
        child.kill()


@grouped
async def test_all_of_a_group_can_be_killed(
    tmp_path: Path, stranger: "subprocess.Popen[bytes]"
) -> None:
    """Those that others put in it too."""
    async with driving(tmp_path) as (_, above):
        made = Groups(above.name.removeprefix("intertie-")).make(launch(tmp_path, "x"), Limits())
        made.entrance.write_text(str(stranger.pid))

        assert await made.remove() == 1

        assert not made.path.exists()
    assert stranger.wait(5) == -signal.SIGKILL


@limited
async def test_limits_are_in_force(tmp_path: Path) -> None:
    """As the kernel reads them back."""
    limits = Limits(memory_bytes=64 * MIB, cpus=0.25, pids=20)
    async with driving(tmp_path) as (driver, above):
        instance = await driver.start(launch(tmp_path, "sleep", "1000", limits=limits))
        found = {
            name: (above / "api@0" / name).read_text().strip()
            for name in ("memory.max", "memory.oom.group", "cpu.max", "pids.max")
        }
        await instance.stop()

    assert found == {
        "memory.max": str(64 * MIB),
        "memory.oom.group": "1",
        "cpu.max": "25000 100000",
        "pids.max": "20",
    }


@limited
async def test_too_much_memory_ends_the_service(tmp_path: Path) -> None:
    """All of it, by the kernel."""
    script = "x=a; while :; do x=$x$x; done"
    limits = Limits(memory_bytes=32 * MIB)
    async with driving(tmp_path) as (driver, _):
        instance = await driver.start(launch(tmp_path, "sh", "-c", script, limits=limits))

        assert (await instance.wait()).signal == signal.SIGKILL
        await instance.stop()


@limited
async def test_too_many_processes_are_refused(tmp_path: Path) -> None:
    """The service sees it as an error of fork."""
    script = "for i in 1 2 3 4 5; do sleep 1000 & done; wait"
    async with driving(tmp_path) as (driver, _):
        made = launch(tmp_path, "sh", "-c", script, limits=Limits(pids=3))
        instance = await driver.start(made)

        await eventually(lambda: "fork" in made.stderr.read_text())
        await instance.stop()
