import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from anyio import CancelScope, create_task_group, fail_after

from intertie.drivers import Instance, Launch
from intertie.drivers.process import ProcessDriver
from intertie.drivers.terminal import Terminal
from intertie.errors import DriverError
from tests.drivers.launches import launch
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Shown:
    """A program on its terminal."""

    made: Launch
    terminal: Terminal
    instance: Instance

    def log(self) -> str:
        """What it printed so far."""
        return self.made.stdout.read_bytes().decode()


@asynccontextmanager
async def showing(folder: Path, script: str) -> AsyncIterator[Shown]:
    """Run it on a terminal; at the end all that it printed is in its log."""
    made = launch(folder, "sh", "-c", script)
    driver = ProcessDriver(f"test{folder}")
    with Terminal(made, rows=10, columns=70) as terminal, fail_after(30):
        async with create_task_group() as drivers:
            await drivers.start(driver.run)
            instance = await driver.start(replace(made, terminal=terminal.slave))
            async with create_task_group() as group:
                group.start_soon(terminal.run, instance.wait)
                try:
                    yield Shown(made, terminal, instance)
                finally:
                    with CancelScope(shield=True):
                        await instance.stop()
            drivers.cancel_scope.cancel()


async def test_the_log_has_what_was_printed(tmp_path: Path) -> None:
    """As the terminal gave it; standard error too."""
    async with showing(tmp_path, "echo out; echo err >&2; tty >/dev/null && stty size") as shown:
        await shown.instance.wait()

    assert shown.log() == "out\r\nerr\r\n10 70\r\n"


async def test_no_byte_is_lost_at_the_end(tmp_path: Path) -> None:
    """A program may print much and end at once, again and again."""
    for number in range(10):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with showing(folder, "seq 20000; printf the-end") as shown:
            await shown.instance.wait()

        assert shown.log().split() == [*map(str, range(1, 20001)), "the-end"]


async def test_what_a_child_prints_later_is_kept(tmp_path: Path) -> None:
    """The terminal is over when all below the process have ended too."""
    script = (
        f"(trap '' HUP; touch {tmp_path}/up; while ! [ -e {tmp_path}/go ]; do :; done; echo late) &"
    )
    async with showing(tmp_path, f"{script} while ! [ -e {tmp_path}/up ]; do :; done") as shown:
        await shown.instance.wait()
        (tmp_path / "go").touch()
        await eventually(lambda: shown.log() == "late\r\n")


async def test_a_program_may_close_its_terminal_and_open_it_again(tmp_path: Path) -> None:
    """As long as it lives, its terminal does."""
    async with showing(tmp_path, "exec <&- >&- 2>&-; sleep 0.05; echo back >/dev/tty") as shown:
        await shown.instance.wait()

    assert shown.log() == "back\r\n"


async def test_typing_reaches_the_program(tmp_path: Path) -> None:
    """Control characters as well: Ctrl-C is a SIGINT to whoever is in front."""
    # No program is run: dash loses a signal that comes while it starts one.
    script = "trap 'echo interrupted; exit' INT; read line; echo got $line; read more"
    async with showing(tmp_path, script) as shown:
        await shown.terminal.write(b"hello\n")
        await eventually(lambda: "got hello" in shown.log())
        await shown.terminal.write(b"\x03")
        await shown.instance.wait()

    assert "interrupted" in shown.log()


async def test_a_new_size_is_told(tmp_path: Path) -> None:
    """By SIGWINCH."""
    script = "trap 'stty size; exit' WINCH; echo up; while :; do read more; done"
    async with showing(tmp_path, script) as shown:
        await eventually(lambda: shown.log() != "")
        shown.terminal.resize(33, 99)
        await shown.instance.wait()

    assert shown.log() == "up\r\n33 99\r\n"


async def test_a_viewer_sees_what_was_and_what_comes(tmp_path: Path) -> None:
    """To the end; several may look."""
    seen: list[bytes] = []
    async with showing(tmp_path, "echo first; read x; echo second") as shown:
        await eventually(lambda: shown.log() != "")
        with shown.terminal.attach() as viewer, shown.terminal.attach() as other:
            assert await anext(viewer) == await anext(other) == b"first\r\n"
            await shown.terminal.write(b"\n")
            seen = [data async for data in viewer]
    with shown.terminal.attach() as late:
        assert b"".join([data async for data in late]).endswith(b"second\r\n")

    assert b"".join(seen) == b"\r\nsecond\r\n"


async def test_a_new_viewer_gets_the_last_of_it_only(tmp_path: Path) -> None:
    """64 KiB."""
    async with showing(tmp_path, "seq 30000") as shown:
        await shown.instance.wait()
    with shown.terminal.attach() as viewer:
        replayed = b"".join([data async for data in viewer])

    assert len(replayed) == 65536
    assert shown.made.stdout.read_bytes().endswith(replayed)


async def test_a_viewer_that_does_not_look_is_cut_off(tmp_path: Path) -> None:
    """The service goes on, the log has all, and others see all."""
    seen = b""
    async with showing(tmp_path, "read x; seq 300000") as shown:
        with shown.terminal.attach() as slow, shown.terminal.attach() as quick:
            await shown.terminal.write(b"\n")
            async for data in quick:
                seen += data
            assert slow.was_cut_off
            assert [data async for data in slow] == []
            assert not quick.was_cut_off

    assert seen == shown.made.stdout.read_bytes()
    assert seen.endswith(b"300000\r\n")


async def test_typing_to_the_ended_is_refused(tmp_path: Path) -> None:
    """In words."""
    async with showing(tmp_path, "exit 0") as shown:
        await shown.instance.wait()
    with pytest.raises(DriverError, match="cannot type into service 'api': it has ended"):
        await shown.terminal.write(b"x")


async def test_a_cancelled_terminal_keeps_what_was_printed(tmp_path: Path) -> None:
    """All that the program wrote before is in the log."""
    made = launch(tmp_path, "sh", "-c", f"echo one; echo two; touch {tmp_path}/up; exec sleep 1000")
    driver = ProcessDriver(f"test{tmp_path}")
    with Terminal(made) as terminal:
        instance = await driver.start(replace(made, terminal=terminal.slave))
        await eventually((tmp_path / "up").exists)
        async with create_task_group() as group:
            group.start_soon(terminal.run, instance.wait)
            group.cancel_scope.cancel()
        await instance.stop()

    assert made.stdout.read_bytes() == b"one\r\ntwo\r\n"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux only")
async def test_a_full_disk_does_not_end_it(tmp_path: Path) -> None:
    """It waits, and those who look still see."""
    made = launch(tmp_path, sys.executable, "-c", "print('hello')", stdout=Path("/dev/full"))
    driver = ProcessDriver(f"test{tmp_path}")
    with Terminal(made) as terminal:
        instance = await driver.start(replace(made, terminal=terminal.slave))
        async with create_task_group() as group:
            group.start_soon(terminal.run, instance.wait)
            with terminal.attach() as viewer, fail_after(10):
                assert await anext(viewer) == b"hello\r\n"
            await instance.wait()
            group.cancel_scope.cancel()
        assert (await instance.stop()).ok


def test_a_log_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """As for a plain start."""
    (tmp_path / "logs").touch()

    with pytest.raises(
        DriverError, match=r"cannot start service 'api': its log .* cannot be opened"
    ):
        Terminal(launch(tmp_path, "true"))


async def test_a_service_on_a_terminal_is_stopped_as_any(tmp_path: Path) -> None:
    """By its signal, then by force."""
    async with showing(tmp_path, "exec sleep 1000") as shown:
        end = await shown.instance.stop()

    assert end.signal == signal.SIGTERM
