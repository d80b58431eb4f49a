import os
import resource
import signal
import socket
import sys
from pathlib import Path

import pytest
from anyio import CancelScope, fail_after

from intertie.drivers import Launch, Limits, entry, proc
from intertie.drivers.entry import Entry
from intertie.drivers.spawn import spawn
from intertie.drivers.who import account
from intertie.errors import DriverError
from tests.drivers.launches import NOBODY, launch, needs_root

pytestmark = pytest.mark.anyio

NOFILE = {"nofile": (50, 60)}


async def run(made: Launch) -> str:
    """What it prints, once it has ended well."""
    begun = Entry(made, {"MARK": "m"}, account(made), None).begin()
    await begun.finish()
    assert begun.popen.wait(10) == 0
    return made.stdout.read_text()


async def refusal(made: Launch) -> str:
    """Why it cannot be started."""
    with pytest.raises(DriverError) as caught:
        await run(made)
    begin, _, why = str(caught.value).partition(": ")
    assert begin == "cannot start service 'api'"
    return why


def test_a_plain_launch_needs_none(tmp_path: Path) -> None:
    """Nor do user, group and umask: Popen does those."""
    plain = launch(tmp_path, "true", user="root", group="root", umask=0o77)

    assert not entry.is_needed(plain)
    for key, value in {
        "ulimits": NOFILE,
        "limits": Limits(),
        "listen": (9,),
        "terminal": 9,
    }.items():
        assert entry.is_needed(launch(tmp_path, "true", **{key: value}))


async def test_limits_hold_from_the_first_moment(tmp_path: Path) -> None:
    """Soft and hard; those not named stay ours."""
    script = "ulimit -Sn; ulimit -Hn; ulimit -Sc; umask"
    made = launch(tmp_path, "sh", "-c", script, ulimits={**NOFILE, "core": (0, 0)}, umask=0o27)

    assert await run(made) == "50\n60\n0\n0027\n"


SHOW = """
import os, signal
print(sorted(os.environb.items()), os.getcwd(), os.listdir("/proc/self/fd"))
print(os.getpid() == os.getsid(0) == os.getpgid(0), signal.getsignal(signal.SIGXFSZ))
os.system("grep -E '^Sig(Ign|Blk)' /proc/self/status")
"""


async def test_a_program_sees_what_a_plain_one_sees(tmp_path: Path) -> None:
    """Environment (odd names too), folder, descriptors, session, signals."""
    env = {"PATH": os.environ["PATH"], "odd-name.x": "a\nb", "BYTES": "\udcff", "LC_CTYPE": "C"}
    argv = (sys.executable, "-I", "-u", "-c", SHOW)
    plain = launch(tmp_path, *argv, env=env, stdout=tmp_path / "plain")
    prepared = launch(tmp_path, *argv, env=env, ulimits={"core": (0, 0)})

    assert spawn(plain, {"MARK": "m"}).wait(10) == 0

    assert plain.stdout.read_text() == await run(prepared)
    assert "odd-name.x" in plain.stdout.read_text()


async def test_the_pid_stays(tmp_path: Path) -> None:
    """The process that was begun is the program."""
    made = launch(tmp_path, "sh", "-c", "echo $$", ulimits=NOFILE)
    begun = Entry(made, {}, None, None).begin()
    await begun.finish()
    begun.popen.wait(10)

    assert made.stdout.read_text() == f"{begun.popen.pid}\n"


@needs_root
async def test_rights_are_dropped_last(tmp_path: Path) -> None:
    """Limits are set before the user changes, in force after."""
    script = "id -u; id -G; ulimit -Hn; grep CapEff /proc/self/status"
    made = launch(tmp_path, "sh", "-c", script, user=str(NOBODY), group="1", ulimits=NOFILE)

    assert await run(made) == f"{NOBODY}\n1\n60\nCapEff:\t{'0' * 16}\n"


def may_raise_limits() -> bool:
    """Whether we have CAP_SYS_RESOURCE, which root in a container may lack."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    held = [int(line.split()[1], 16) for line in lines if line.startswith("CapEff")]
    return any(mask >> 24 & 1 for mask in held)


@pytest.mark.skipif(not may_raise_limits(), reason="needs CAP_SYS_RESOURCE")
async def test_a_hard_limit_is_raised_before_the_user_changes(tmp_path: Path) -> None:
    """Only while the rights of root are there does the kernel allow it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    raised = {"nofile": (hard, hard + 1)}
    made = launch(
        tmp_path, "sh", "-c", "id -u; ulimit -Hn", user=str(NOBODY), group="1", ulimits=raised
    )

    assert await run(made) == f"{NOBODY}\n{hard + 1}\n"


LISTENED = """
import os, socket
assert os.environ["LISTEN_PID"] == str(os.getpid())
assert os.environ["LISTEN_FDNAMES"] == ":".join(["api"] * int(os.environ["LISTEN_FDS"]))
for number in range(3, 3 + int(os.environ["LISTEN_FDS"])):
    with socket.socket(fileno=number) as listener:
        assert listener.getblocking()
        print(listener.getsockname()[1], end=" ")
print(sorted(map(int, os.listdir("/proc/self/fd")))[3:])
"""


async def test_sockets_stand_at_three_and_up(tmp_path: Path) -> None:
    """In the order given, wherever they stood with us; nothing else is open."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("::1", 0), family=10) as two,
    ):
        ports = [each.getsockname()[1] for each in (two, one)]
        files = (two.fileno(), one.fileno())
        made = launch(tmp_path, sys.executable, "-I", "-c", LISTENED, listen=files)

        printed = await run(made)

    assert printed == f"{ports[0]} {ports[1]} [3]\n"


def shown(master: int, end: bytes) -> bytes:
    """What a terminal shows, up to that: the system brings it piece by piece."""
    text = b""
    while not text.endswith(end):
        text += os.read(master, 4096)
    return text


async def test_a_terminal_is_the_controlling_one(tmp_path: Path) -> None:
    """Standard input, output and error are it, and /dev/tty opens."""
    master, slave = os.openpty()
    script = "tty; tty <&1; tty <&2; echo $TERM >/dev/tty; ps -o tty= -p $$ >/dev/null"
    made = launch(tmp_path, "sh", "-c", script, terminal=slave)
    begun = Entry(made, {}, None, None).begin()
    await begun.finish()
    begun.popen.wait(10)

    name = os.ttyname(slave)
    assert shown(master, b"xterm\r\n").decode().split() == [name, name, name, "xterm"]
    assert not made.stdout.exists()
    os.close(master)
    os.close(slave)


@needs_root
async def test_a_terminal_belongs_to_the_user(tmp_path: Path) -> None:
    """It may open it by name."""
    master, slave = os.openpty()
    made = launch(tmp_path, "sh", "-c", "echo hi >$(tty)", terminal=slave, user=str(NOBODY))
    begun = Entry(made, {}, account(made), None).begin()
    await begun.finish()

    assert begun.popen.wait(10) == 0
    assert shown(master, b"hi\r\n") == b"hi\r\n"
    os.close(master)
    os.close(slave)


async def test_a_program_that_cannot_run_is_told_as_plainly_started(tmp_path: Path) -> None:
    """The same words, and no process is left."""
    before = set(proc.children(os.getpid()))
    script = tmp_path / "script"
    script.write_text("echo hello\n")
    for argv in (("no-such",), ("ls -l",), ("./script",), (str(tmp_path),), ("ls", "a\0b")):
        told = await refusal(launch(tmp_path, *argv, ulimits=NOFILE))
        with pytest.raises(DriverError) as caught:
            spawn(launch(tmp_path, *argv), {})
        assert told == str(caught.value).partition(": ")[2]
    script.chmod(0o755)
    assert "is not a program for this" in await refusal(
        launch(tmp_path, "./script", ulimits=NOFILE)
    )
    assert set(proc.children(os.getpid())) <= before


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """With the key it came from."""
    made = launch(tmp_path, "true", cwd=tmp_path / "sub", ulimits=NOFILE)

    assert await refusal(made) == f"its folder {tmp_path}/sub does not exist; see working_dir"


@needs_root
async def test_a_limit_that_the_kernel_refuses_is_named(tmp_path: Path) -> None:
    """Root too meets one for files."""
    told = await refusal(launch(tmp_path, "true", ulimits={"nofile": (10, 1 << 40)}))

    assert told.startswith(f"ulimit nofile cannot be set to 10:{1 << 40}: not allowed")
    assert told.endswith("on this machine (fs.nr_open)")


@needs_root
async def test_a_program_that_its_user_may_not_run_is_told(tmp_path: Path) -> None:
    """The user is named."""
    program = tmp_path / "run"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)

    told = await refusal(launch(tmp_path, str(program), user=str(NOBODY), ulimits=NOFILE))

    assert told == f"{program}: Permission denied for user '{NOBODY}'"


async def test_limits_that_leave_no_room_are_told(tmp_path: Path) -> None:
    """The kernel kills a program that does not fit; that is no start."""
    made = launch(tmp_path, "true", ulimits=NOFILE)
    begun = Entry(made, {}, None, None).begin()
    os.kill(begun.popen.pid, signal.SIGKILL)

    with pytest.raises(DriverError, match="ended before its program began"):
        await begun.finish()


async def test_a_cancelled_start_leaves_nothing(tmp_path: Path) -> None:
    """Neither the program nor what was to become it."""
    begun = Entry(launch(tmp_path, "sleep", "1000", ulimits=NOFILE), {}, None, None).begin()

    with CancelScope() as scope:
        scope.cancel()
        await begun.finish()

    assert scope.cancelled_caught
    assert begun.popen.returncode == -signal.SIGKILL


async def test_a_large_environment_passes(tmp_path: Path) -> None:
    """Larger than any pipe holds."""
    env = {"PATH": os.environ["PATH"], **{f"V{i}": "x" * 100_000 for i in range(10)}}
    with fail_after(10):
        printed = await run(launch(tmp_path, "sh", "-c", "echo ${#V9}", env=env, ulimits=NOFILE))

    assert printed == "100000\n"
