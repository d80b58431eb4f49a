"""A command as a task's work: real processes, what they print, what they may use, their end."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from anyio import create_task_group, fail_after, move_on_after

from intertie.automation.command import Order, command
from intertie.automation.record import OUTPUT_BYTES, Outcome, RunId
from intertie.automation.runner import Attempt, NotRetryable, Work
from intertie.drivers.process import ProcessDriver
from intertie.suite.schedule import ResourceLimits
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
NO_LIMITS = ResourceLimits()


def attempt(number: int = 7) -> Attempt:
    """Of a backup at noon."""
    return Attempt(RunId(number), "backup", NOON, 1, manual=False)


@asynccontextmanager
async def driven() -> AsyncIterator[ProcessDriver]:
    """A driver that takes orphans in."""
    driver = ProcessDriver("test-command")
    async with create_task_group() as group:
        await group.start(driver.run)
        yield driver
        group.cancel_scope.cancel()


async def run(
    folder: Path, *argv: str, limits: ResourceLimits = NO_LIMITS, told: Attempt | None = None
) -> Outcome:
    """To its end."""
    order = Order(argv, folder, {"PATH": os.environ["PATH"], "OWN": "kept"}, limits)
    async with driven() as driver:
        with fail_after(30):
            return await command(driver, order)(told or attempt())


async def test_a_command_that_exits_with_zero_has_gone_well(tmp_path: Path) -> None:
    """What it wrote to either stream is kept, in order; it runs in the folder."""
    found = await run(tmp_path, "sh", "-c", "pwd; echo careful >&2; echo done")

    assert (found.ok, found.exit, found.error) == (True, 0, "")
    assert found.output.decode() == f"{tmp_path}\ncareful\ndone\n"


async def test_a_command_that_fails_says_how(tmp_path: Path) -> None:
    """By its exit code, or the signal that ended it."""
    failed = await run(tmp_path, "sh", "-c", "echo no space; exit 3")
    killed = await run(tmp_path, "sh", "-c", "kill -9 $$")

    assert (failed.ok, failed.exit, failed.output) == (False, 3, b"no space\n")
    assert failed.error == "it ended with exit code 3"
    assert (killed.ok, killed.exit) == (False, -9)
    assert killed.error == "it was ended by signal 9"
    assert failed.retryable


async def test_it_knows_which_run_it_is(tmp_path: Path) -> None:
    """By three variables beside those it was given."""
    text = "echo $INTERTIE_TASK $INTERTIE_RUN $INTERTIE_SCHEDULED_AT $OWN"
    found = await run(tmp_path, "sh", "-c", text)

    assert found.output == b"backup 7 2025-06-01T12:00:00+00:00 kept\n"


@pytest.mark.parametrize("argv", [("./no-such-program",), ("/",)])
async def test_a_program_that_cannot_be_run_is_not_tried_again(
    tmp_path: Path, argv: tuple[str, ...]
) -> None:
    """And the message does not speak of a service."""
    async with driven() as driver:
        with pytest.raises(NotRetryable, match=r"^cannot run '") as caught:
            await command(driver, Order(argv, tmp_path, {}))(attempt())
    assert "service" not in str(caught.value)


async def test_only_the_end_of_much_output_is_kept(tmp_path: Path) -> None:
    """A command that prints 50 MB runs to its end, and fills neither disk nor memory."""
    text = "print('x' * 50_000_000, end=''); print('the end', end='')"
    found = await run(tmp_path, sys.executable, "-c", text)

    assert found.ok
    assert len(found.output) == OUTPUT_BYTES
    assert found.output.endswith(b"xxthe end")
    assert os.listdir(tmp_path) == []


async def test_nothing_that_it_left_behind_goes_on(tmp_path: Path) -> None:
    """A child with a session of its own ends with the command."""
    text = "setsid sleep 1000 & echo $!; exit 0"
    found = await run(tmp_path, "sh", "-c", text)

    pid = int(found.output)
    await eventually(lambda: not psutil.pid_exists(pid))


async def wait(work: Work, told: Attempt) -> None:
    """To its end."""
    await work(told)


async def cancelled(folder: Path, script: str, told: Attempt) -> None:
    """Run it until it has printed a line, and cancel it then."""
    order = Order(("sh", "-c", script), folder, {"PATH": os.environ["PATH"]})
    async with driven() as driver, create_task_group() as group:
        group.start_soon(wait, command(driver, order), told)
        await eventually(lambda: b"\n" in bytes(told.tail))
        group.cancel_scope.cancel()


async def test_a_cancelled_command_may_clean_up(tmp_path: Path) -> None:
    """It is asked by SIGTERM; what it still prints is kept."""
    told = attempt()
    await cancelled(
        tmp_path,
        "trap 'seq 50000; echo bye; exit 0' TERM; echo hello; exec 2>&-; while :; do sleep 1; done",
        told,
    )

    assert bytes(told.tail).endswith(b"\n49999\n50000\nbye\n")


@pytest.mark.slow
async def test_a_command_that_does_not_obey_is_killed_with_all_its_children(
    tmp_path: Path,
) -> None:
    """After five seconds."""
    told = attempt()
    script = "trap '' TERM; sleep 1000 & setsid sleep 1000 & echo $!; while :; do sleep 1; done"
    with move_on_after(20) as scope:
        await cancelled(tmp_path, script, told)

    assert not scope.cancelled_caught
    pid = int(bytes(told.tail).split()[0])
    await eventually(lambda: not psutil.pid_exists(pid))


async def test_two_runs_of_one_task_do_not_end_each_other(tmp_path: Path) -> None:
    """Where overlap is allowed, the end of one leaves the other alone."""
    order = Order(("sh", "-c", "echo on; cat gate; echo through"), tmp_path, dict(os.environ))
    os.mkfifo(tmp_path / "gate")
    slow, outcomes = attempt(1), list[Outcome]()

    async def note(work: Work) -> None:
        outcomes.append(await work(slow))

    async with driven() as driver, create_task_group() as group:
        group.start_soon(note, command(driver, order))
        await eventually(lambda: bytes(slow.tail) == b"on\n")
        quick = Order(("true",), tmp_path, dict(os.environ))
        assert (await command(driver, quick)(attempt(2))).ok
        with open(tmp_path / "gate", "wb"):  # noqa: ASYNC230 — lets it go on
            pass

    assert [found.ok for found in outcomes] == [True]
    assert bytes(slow.tail) == b"on\nthrough\n"


async def test_it_gives_way_to_others(tmp_path: Path) -> None:
    """Nice, and disk only when nobody else wants it; its children too."""
    limits = ResourceLimits(nice_value=7, io_priority="low")
    text = (
        "import os, psutil, time\n"
        "me = psutil.Process()\n"
        "while me.nice() != 7 or me.ionice().ioclass != psutil.IOPRIO_CLASS_IDLE:\n"
        "    time.sleep(0.01)\n"
        "os.system('nice')\n"
    )
    found = await run(tmp_path, sys.executable, "-c", text, limits=limits)

    assert found.output == b"7\n"


@pytest.mark.slow
async def test_a_cpu_limit_holds_for_the_whole_tree(tmp_path: Path) -> None:
    """Two busy children with half a processor use half of one together."""
    text = (
        "import os, subprocess, sys, time\n"
        "busy = 'import time; end = time.monotonic() + 4\\nwhile time.monotonic() < end: pass'\n"
        "began = time.monotonic()\n"
        "for child in [subprocess.Popen([sys.executable, '-c', busy]) for _ in range(2)]:\n"
        "    child.wait()\n"
        "used = os.times()\n"
        "print((used.children_user + used.children_system) / (time.monotonic() - began))\n"
    )
    found = await run(tmp_path, sys.executable, "-c", text, limits=ResourceLimits(cpu_limit=50))

    assert 0 < float(found.output) < 0.65
