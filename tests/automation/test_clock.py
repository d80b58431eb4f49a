"""The two clocks, and what shows that one was set."""

from datetime import timedelta

import pytest

from intertie.automation.clock import JumpWatch, SystemClock
from tests.automation.virtual import START, VirtualClock

pytestmark = pytest.mark.anyio


async def test_time_that_passes_is_no_jump() -> None:
    """An hour that both clocks saw is not reported."""
    clock = VirtualClock()
    watch = JumpWatch(clock)

    await clock.advance(timedelta(hours=1))

    assert watch.look() == timedelta()
    assert clock.now() == START + timedelta(hours=1)


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=900)])
async def test_a_clock_that_was_set_is_noticed_once(jump: timedelta) -> None:
    """How far it was set is told by the next look, and only by that."""
    clock = VirtualClock()
    watch = JumpWatch(clock)

    clock.set_by(jump)

    assert watch.look() == jump
    assert watch.look() == timedelta()


async def test_small_corrections_are_not_worth_a_word() -> None:
    """Clocks are put right by parts of a second all the time."""
    clock = VirtualClock()
    watch = JumpWatch(clock)

    clock.set_by(timedelta(milliseconds=800))

    assert watch.look() == timedelta()


async def test_the_machines_clock_sleeps_and_goes_forward() -> None:
    """A sleep of less than nothing returns, and elapsed time never goes back."""
    clock = SystemClock()
    before_s = clock.elapsed_s()

    await clock.sleep(-1.0)
    await clock.sleep(0.001)

    assert clock.elapsed_s() > before_s
    assert clock.now().utcoffset() == timedelta()
