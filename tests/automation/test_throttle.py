"""Processor time by stopping and going on: the sums, and what is left when it ends."""

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
from anyio import create_task_group

from intertie.automation.throttle import Allowance, Members, be_gentle, throttle
from intertie.drivers import Identity, proc
from tests.waiting import eventually

BUSY = "import time\nend = time.monotonic() + 60\nwhile time.monotonic() < end: pass"


@pytest.fixture
def busy() -> Iterator[Identity]:
    """A process that uses all it can get."""
    process = subprocess.Popen([sys.executable, "-c", BUSY])
    identity = proc.identify(process.pid)
    assert identity is not None
    yield identity
    process.kill()
    process.wait()


def test_who_uses_no_more_than_the_share_is_never_stopped() -> None:
    """A quarter of each second, of which a quarter is allowed."""
    allowance = Allowance(0.25, 0.0)
    assert [allowance.stop_s(0.25, float(at)) for at in range(1, 50)] == [0.0] * 49


def test_who_uses_too_much_stops_until_it_is_made_up_for() -> None:
    """A second used in one, of which half is allowed: another second is to pass."""
    allowance = Allowance(0.5, 0.0)
    assert allowance.stop_s(1.0, 1.0) == pytest.approx(1.0)
    assert allowance.stop_s(0.0, 2.0) == pytest.approx(0.0)
    assert allowance.stop_s(1.0, 3.0) == pytest.approx(1.0)


def test_idle_time_is_not_saved_up() -> None:
    """After an hour of nothing, a second's work is paid for as ever."""
    allowance = Allowance(0.5, 0.0)
    assert allowance.stop_s(0.0, 3600.0) == 0.0
    assert 0.9 < allowance.stop_s(1.0, 3601.0) <= 1.0


@pytest.mark.anyio
async def test_a_process_is_stopped_and_goes_on_when_it_ends(busy: Identity) -> None:
    """Nobody stays stopped."""
    process = psutil.Process(busy.pid)
    async with create_task_group() as group:
        group.start_soon(throttle, busy, 0.05)
        await eventually(lambda: process.status() == psutil.STATUS_STOPPED)
        group.cancel_scope.cancel()

    await eventually(lambda: process.status() != psutil.STATUS_STOPPED)


def test_a_child_is_a_member_also_when_its_parent_has_ended() -> None:
    """Once it has been seen below it."""
    shell = subprocess.Popen(
        ["sh", "-c", "sleep 1000 & read line"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    assert shell.stdin is not None
    main = proc.identify(shell.pid)
    assert main is not None
    members = Members(main)
    while len(found := members.look()) < 2:
        os.sched_yield()
    (child,) = found - {main}
    try:
        shell.stdin.close()
        shell.wait()
        assert members.look() == {child}
    finally:
        os.kill(child.pid, 9)


def test_a_tree_gives_way(busy: Identity) -> None:
    """Nice only ever goes up; the disk is left to others."""
    be_gentle(busy, nice=5, idle_io=True)
    be_gentle(busy, nice=3, idle_io=False)

    process = psutil.Process(busy.pid)
    assert process.nice() == 5
    assert process.ionice().ioclass == psutil.IOPRIO_CLASS_IDLE
