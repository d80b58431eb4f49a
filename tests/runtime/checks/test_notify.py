import os
import re
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from anyio import create_task_group, current_time, fail_after, open_process, wait_all_tasks_blocked

from intertie.errors import IntertieError
from intertie.runtime.checks.notify import NotifySocket, notify_path
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

_SAY = """
import os, socket, sys
talk = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for text in sys.argv[2:]:
    talk.sendto(text.encode(), sys.argv[1])
sys.stdin.read()
"""


@contextmanager
def saying(
    to: NotifySocket, *texts: str, via: tuple[str, ...] = (), **env: str
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of a session of its own that sends these texts and stays."""
    argv = [*via, sys.executable, "-c", _SAY, str(to.path), *texts]
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, env={**os.environ, **env}, start_new_session=True
    )
    with process:  # closes its stdin, which ends it
        yield process


@contextmanager
def listening(folder: Path, *, waits_for_ready: bool = True) -> Iterator[NotifySocket]:
    """A socket that takes this process for the replica's main process."""
    with NotifySocket(folder / "n", waits_for_ready=waits_for_ready) as made:
        made.listen(os.getpid())
        yield made


def say(to: NotifySocket, text: str) -> None:
    """In the name of this process."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as talk:
        talk.sendto(text.encode(errors="surrogateescape"), str(to.path))


async def test_readiness_comes_with_ready(tmp_path: Path) -> None:
    """And is seen at once, with the process's own words."""
    told = list[str]()
    with listening(tmp_path) as notify:
        notify.on_message = lambda: told.append(notify.status_text)
        assert await notify.readiness() == "has not sent READY=1"
        say(notify, "STATUS=loading 3/5")
        await eventually(lambda: told == ["loading 3/5"])
        assert await notify.readiness() == "has not sent READY=1; its status: loading 3/5"
        with fail_after(60):
            async with create_task_group() as group:
                group.start_soon(notify.wait_ready)
                group.start_soon(notify.changed.wait)
                await wait_all_tasks_blocked()
                say(notify, "READY=1\nSTATUS=serving\nMAINPID=1\nFDSTORE=1\n")

        assert await notify.readiness() is None
    assert told == ["loading 3/5", "serving"]


async def test_what_was_said_before_anybody_listened_is_heard(tmp_path: Path) -> None:
    """A process may be quicker than we are."""
    with NotifySocket(tmp_path / "n") as notify:
        say(notify, "READY=1")
        assert not notify.is_ready
        notify.listen(os.getpid())

        assert notify.is_ready


async def test_a_process_that_stops_is_not_ready(tmp_path: Path) -> None:
    """One that reloads is, until it says so again and after."""
    with listening(tmp_path) as notify:
        for text, ready, reloading in (
            ("READY=1", True, False),
            ("RELOADING=1\nMONOTONIC_USEC=1", True, True),
            ("READY=1", True, False),
            ("STOPPING=1", False, False),
        ):
            changed = notify.changed
            say(notify, text)
            await changed.wait()
            assert (notify.is_ready, notify.is_reloading) == (ready, reloading)


async def test_liveness_is_a_watchdog_that_comes_in_time(tmp_path: Path) -> None:
    """READY=1 counts, too; before it nothing is expected."""
    with listening(tmp_path) as notify:
        check = notify.liveness(0.05)
        assert notify.last_watchdog_s is None
        assert await check() is None
        for text in ("READY=1", "WATCHDOG=1"):
            changed = notify.changed
            say(notify, text)
            await changed.wait()
            assert await notify.liveness(5)() is None
            began = notify.last_watchdog_s
            await eventually(lambda began=began: current_time() - began > 0.05)  # type: ignore[misc]
            reason = await check()
            assert reason is not None
            assert re.fullmatch(r"no WATCHDOG=1 for \d\.\d s, expected within 0.05 s", reason)


async def test_the_watchdog_runs_from_the_start_when_readiness_comes_otherwise(
    tmp_path: Path,
) -> None:
    """A process that never sends WATCHDOG=1 is found out."""
    with listening(tmp_path, waits_for_ready=False) as notify:
        began = notify.last_watchdog_s
        assert began is not None
        await eventually(lambda: current_time() - began > 0.01)

        assert "no WATCHDOG=1" in str(await notify.liveness(0.01)())


async def test_an_adopted_process_is_ready(tmp_path: Path) -> None:
    """It said so to an earlier daemon; its watchdog starts anew."""
    with NotifySocket(tmp_path / "n") as notify:
        notify.listen(os.getpid(), is_ready=True)

        assert await notify.readiness() is None
        assert notify.last_watchdog_s is not None


async def test_a_process_may_pull_its_own_watchdog(tmp_path: Path) -> None:
    """WATCHDOG=trigger is a failure at once."""
    with listening(tmp_path) as notify:
        say(notify, "STATUS=disk is gone\nWATCHDOG=trigger")
        await notify.changed.wait()

        reason = await notify.liveness(60)()
    assert reason == "sent WATCHDOG=trigger; its status: disk is gone"


async def test_a_process_may_ask_for_patience(tmp_path: Path) -> None:
    """For a day at most."""
    with listening(tmp_path) as notify:
        say(notify, "EXTEND_TIMEOUT_USEC=2000000")
        await notify.changed.wait()
        assert notify.extended_until_s == pytest.approx(current_time() + 2, abs=1)
        say(notify, "EXTEND_TIMEOUT_USEC=" + "9" * 400)
        await notify.changed.wait()
        assert notify.extended_until_s == pytest.approx(current_time() + 86_400, abs=1)


async def test_nonsense_changes_nothing(tmp_path: Path) -> None:
    """However much of it there is."""
    with listening(tmp_path) as notify:
        with create_sender(notify) as talk:
            for data in (b"", b"\xff\0\xfe", b"READY", b"READY=2", b"=", b"EXTEND_TIMEOUT_USEC=-1"):
                talk.send(data)
            for data in (b"EXTEND_TIMEOUT_USEC=\xc2\xb2", b"x" * 10_000, b"\n" * 4000):
                talk.send(data)
            changed = notify.changed
            talk.send(b"STATUS=" + b"s" * 9_000)
            await changed.wait()

        assert not notify.is_ready
        assert notify.extended_until_s is None
        assert notify.status_text == "s" * 256


@contextmanager
def create_sender(to: NotifySocket) -> Iterator[socket.socket]:
    """For many messages; blocks when the socket's queue is full, as every sender does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as talk:
        talk.connect(str(to.path))
        yield talk


async def test_files_that_come_along_are_closed(tmp_path: Path) -> None:
    """That is what sd_notify_barrier waits for; none is kept."""
    read, write = os.pipe()
    with listening(tmp_path) as notify, create_sender(notify) as talk:
        socket.send_fds(talk, [b"BARRIER=1"], [write])
        os.close(write)
        socket.send_fds(talk, [b"FDSTORE=1"], [read] * 200)  # more than there is room for
        before = len(os.listdir("/proc/self/fd"))
        say(notify, "READY=1")
        await notify.wait_ready()

        assert len(os.listdir("/proc/self/fd")) == before
        assert os.read(read, 1) == b""  # nobody holds the other end
    os.close(read)


async def test_every_process_of_the_replica_counts(tmp_path: Path) -> None:
    """The main one, its session, whoever descends from it or has its environment."""
    for number, (via, env) in enumerate(
        (
            ((), False),
            (("sh", "-c", 'exec 3<&0; "$@" <&3 & wait', "sh"), False),
            (("sh", "-c", 'exec 3<&0; setsid "$@" <&3 & wait', "sh"), False),
            (("setsid", "--fork"), True),
        )
    ):
        with NotifySocket(tmp_path / f"{number}") as notify:
            variables = dict(notify.variables()) if env else {}
            with saying(notify, "READY=1", via=via, **variables) as process:
                notify.listen(process.pid)
                with fail_after(60):
                    await notify.wait_ready()


async def test_a_stranger_is_not_heard(tmp_path: Path) -> None:
    """Though it knows where the socket is."""
    with listening(tmp_path) as victim, NotifySocket(tmp_path / "other") as notify:
        with saying(notify, "READY=1") as stranger, saying(notify, "STATUS=x") as member:
            assert stranger.pid != member.pid
            notify.listen(member.pid)
            with fail_after(60):
                while not notify.status_text:
                    await notify.changed.wait()
            say(victim, "STATUS=later")  # by then the stranger's was read as well
            await victim.changed.wait()
            await eventually(lambda: is_drained(notify))

        assert not notify.is_ready


def is_drained(notify: NotifySocket) -> bool:
    """Whether the kernel holds no message for it."""
    lines = Path("/proc/net/unix").read_text().splitlines()
    return any(line.endswith(str(notify.path)) for line in lines)


@pytest.mark.skipif(shutil.which("systemd-notify") is None, reason="needs systemd-notify")
async def test_systemd_s_own_tool_is_understood(tmp_path: Path) -> None:
    """It ends as soon as its message was taken."""
    with NotifySocket(tmp_path / "n") as notify:
        env = {**os.environ, **notify.variables()}
        argv = ["sh", "-c", "systemd-notify --ready --status=fine; exit $?"]
        async with await open_process(argv, env=env, start_new_session=True) as process:
            notify.listen(process.pid)
            with fail_after(60):
                await notify.wait_ready()
                await process.wait()

    assert (process.returncode, notify.status_text) == (0, "fine")


async def test_the_variables_tell_where_and_how_often(tmp_path: Path) -> None:
    """Without WATCHDOG_PID: any process of the replica may."""
    notify = NotifySocket(tmp_path / "n")

    assert notify.variables() == {"NOTIFY_SOCKET": str(tmp_path / "n")}
    assert notify.variables(1.5)["WATCHDOG_USEC"] == "1500000"
    assert "WATCHDOG_PID" not in notify.variables(1.5)


async def test_the_socket_is_private_and_goes_with_us(tmp_path: Path) -> None:
    """What a killed daemon left is no hindrance."""
    path = tmp_path / "run" / "n"
    for _ in range(2):
        with NotifySocket(path) as notify:
            notify.listen(os.getpid())
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
        assert not path.exists()
        left = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        left.bind(str(path))
        left.close()


async def test_a_socket_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """With its path and the reason."""
    (tmp_path / "file").touch()
    long = tmp_path / ("x" * 100)

    with pytest.raises(IntertieError, match=r"cannot make the notify socket .*file/n: "):
        NotifySocket(tmp_path / "file" / "n").__enter__()
    with pytest.raises(IntertieError, match="too long"):
        NotifySocket(long / "n").__enter__()


def test_a_path_is_always_the_same_and_never_too_long(tmp_path: Path) -> None:
    """A daemon that adopts a process listens where the process talks."""
    short, long = Path("/run/x"), tmp_path / ("x" * 100)

    assert notify_path(short, "api", 1) == short / "api.1.sock"
    paths = {notify_path(long, name, index) for name in ("a", "b" * 63) for index in range(3)}
    assert len(paths) == 6
    assert paths == {
        notify_path(long, name, index) for name in ("a", "b" * 63) for index in (0, 1, 2)
    }
    assert all(len(os.fsencode(path)) <= 100 for path in paths)
    assert {path.parent.name for path in paths} == {f"intertie-notify-{os.getuid()}"}
