"""One run: attempts, waits, timeout, cancellation, and the loss of its lease."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from anyio import CancelScope, create_task_group, sleep_forever

from intertie.automation import runner
from intertie.automation.ledger import RunLedger
from intertie.automation.record import Outcome, Run, Status
from intertie.automation.runner import Attempt, Control, NotRetryable, Surroundings, wait_s
from intertie.errors import IntertieError
from intertie.suite.schedule import TaskRetry, Timing
from tests.automation.virtual import VirtualClock, dice, settle

pytestmark = pytest.mark.anyio

RETRY = TaskRetry(attempts=3, delay=10, max_delay=60)
TIMING = Timing(schedule="0 * * * *", timeout=600, retry=RETRY)


class Stage:
    """A ledger in memory, a clock of its own, and one claimed run."""

    def __init__(self, ledger: RunLedger) -> None:
        self.ledger = ledger
        self.clock = VirtualClock()
        self.around = Surroundings(ledger, self.clock, dice(7))
        self.attempts: list[int] = []

    async def claim(self) -> Control:
        """Of a task that is due now."""
        now = self.clock.now()
        run = await self.ledger.claim("backup", now, lease_s=30, now=now)
        assert run is not None
        return Control(run)

    async def run(self, work: runner.Work, timing: Timing = TIMING) -> Run | None:
        """To its end, however long that takes."""
        async with self.clock.running():
            return await runner.run(await self.claim(), work, timing, self.around)

    def steps(self, *steps: Callable[[], Awaitable[Outcome]]) -> runner.Work:
        """Work that does another thing at each attempt."""

        async def work(attempt: Attempt) -> Outcome:
            self.attempts.append(attempt.number)
            return await steps[attempt.number - 1]()

        return work


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """Ready to run."""
    async with RunLedger.open(None, owner="a") as ledger:
        yield Stage(ledger)


async def well() -> Outcome:
    """Goes well."""
    return Outcome(exit=0, output=b"fine", change="c-1")


async def badly() -> Outcome:
    """Fails, and says so."""
    return Outcome(ok=False, exit=3, error="no space")


async def refused() -> Outcome:
    """Fails with an error of ours."""
    raise IntertieError("cannot back up: the disk is away")


async def for_good() -> Outcome:
    """Fails so that another try is no use."""
    raise NotRetryable("cannot back up: there is no such folder")


async def confused() -> Outcome:
    """Has a mistake of its own."""
    raise KeyError("who knows")


async def endless() -> Outcome:
    """Never ends by itself."""
    await sleep_forever()
    raise AssertionError


async def test_work_that_goes_well_is_done_at_once() -> None:
    """With what it said of itself."""
    async with staged() as stage:
        ended = await stage.run(stage.steps(well))

        assert ended is not None
        assert (ended.status, ended.exit, ended.output) == (Status.DONE, 0, b"fine")
        assert (ended.change, ended.attempt) == ("c-1", 1)
        assert ended.ended_at == ended.began_at


async def test_work_that_fails_is_tried_again_after_a_wait() -> None:
    """Until it goes well; the waits are those of the same random numbers."""
    async with staged() as stage:
        rng = dice(7)
        waits = wait_s(RETRY, 2, rng) + wait_s(RETRY, 3, rng)

        ended = await stage.run(stage.steps(badly, refused, well))

        assert ended is not None
        assert (ended.status, ended.attempt, ended.error) == (Status.DONE, 3, "")
        assert stage.attempts == [1, 2, 3]
        assert stage.clock.elapsed_s() == pytest.approx(waits)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (badly, "no space"),
        (refused, "cannot back up: the disk is away"),
        (confused, "it failed in a way it does not know; see the log"),
    ],
)
async def test_when_all_attempts_fail_the_run_has(
    step: Callable[[], Awaitable[Outcome]], error: str
) -> None:
    """With the reason of the last; a mistake of the work's own is no exception."""
    async with staged() as stage:
        ended = await stage.run(stage.steps(step, step, step))

        assert ended is not None
        assert (ended.status, ended.attempt, ended.error) == (Status.FAILED, 3, error)


async def test_what_cannot_get_better_is_not_tried_again() -> None:
    """The work says so by its exception, or in its outcome."""

    async def hopeless() -> Outcome:
        return Outcome(ok=False, error="no", retryable=False)

    for step in (for_good, hopeless):
        async with staged() as stage:
            ended = await stage.run(stage.steps(step, well))
            assert ended is not None
            assert (ended.status, ended.attempt) == (Status.FAILED, 1)


async def test_work_that_takes_too_long_is_cancelled_and_tried_again() -> None:
    """Each attempt has the whole time; what it printed by then is kept."""
    async with staged() as stage:

        async def work(attempt: Attempt) -> Outcome:
            attempt.tail.write(b"attempt %d" % attempt.number)
            return await endless()

        retry = TaskRetry(attempts=2, delay=1, max_delay=1)
        ended = await stage.run(work, TIMING.model_copy(update={"retry": retry}))

        assert ended is not None
        assert (ended.status, ended.attempt) == (Status.TIMEOUT, 2)
        assert ended.error == "it did not end within 600 s"
        assert ended.output == b"attempt 2"
        assert 1200 <= stage.clock.elapsed_s() <= 1201


async def test_the_lease_is_held_as_long_as_the_work_goes_on() -> None:
    """Nobody else can take it, also between attempts."""
    async with staged() as stage, create_task_group() as group:
        control = await stage.claim()
        group.start_soon(runner.run, control, stage.steps(badly, endless), TIMING, stage.around)
        for _ in range(20):
            await stage.clock.advance(timedelta(seconds=29))
            assert (await stage.ledger.open_ends(stage.clock.now())).expired == []
        group.cancel_scope.cancel()


async def test_a_run_is_cancelled_from_within_the_process() -> None:
    """At once, and not tried again."""
    async with staged() as stage:
        control = await stage.claim()
        ended: list[Run | None] = []

        async def run() -> None:
            work = stage.steps(endless, well)
            ended.append(await runner.run(control, work, TIMING, stage.around))

        async with create_task_group() as group:
            group.start_soon(run)
            await settle()
            control.cancel("by hand")

        (run_,) = ended
        assert run_ is not None
        assert (run_.status, run_.error, run_.attempt) == (Status.CANCELLED, "by hand", 1)
        assert stage.clock.elapsed_s() == 0


async def test_a_run_is_cancelled_through_the_ledger() -> None:
    """By another process: with the next heartbeat, also while it waits for its next attempt."""
    slow = TIMING.model_copy(update={"retry": TaskRetry(delay=9999, max_delay=9999)})
    for step in (endless, badly):
        async with staged() as stage:
            control = await stage.claim()
            await stage.ledger.cancel("backup", stage.clock.now(), "from afar")

            async with stage.clock.running():
                ended = await runner.run(control, stage.steps(step), slow, stage.around)

            assert ended is not None
            assert (ended.status, ended.error) == (Status.CANCELLED, "from afar")
            assert stage.clock.elapsed_s() <= 10


async def test_a_run_that_others_took_is_left_to_them() -> None:
    """The work is ended, and nothing is written."""
    async with staged() as stage:
        control = await stage.claim()
        await stage.ledger.release(control.run)
        taken = await stage.ledger.retake(control.run, lease_s=9999, now=stage.clock.now())

        async with stage.clock.running():
            ended = await runner.run(control, stage.steps(endless), TIMING, stage.around)

        assert ended is None
        assert control.lost
        assert taken is not None
        assert await stage.ledger.get(taken.id) == taken


async def test_when_the_process_ends_the_run_can_be_taken_at_once() -> None:
    """The lease is given back; the work has had the chance to clean up."""
    async with staged() as stage:
        control = await stage.claim()
        cleaned: list[bool] = []

        async def work(_: Attempt) -> Outcome:
            try:
                return await endless()
            finally:
                with CancelScope(shield=True):
                    await settle()
                    cleaned.append(True)

        async with create_task_group() as group:
            group.start_soon(runner.run, control, work, TIMING, stage.around)
            await settle()
            group.cancel_scope.cancel()

        assert cleaned == [True]
        (found,) = (await stage.ledger.open_ends(stage.clock.now())).expired
        assert (found.id, found.status) == (control.run.id, Status.RUNNING)


async def test_a_run_taken_over_waits_before_its_attempt() -> None:
    """A crash counts as a failed attempt."""
    async with staged() as stage:
        first = await stage.claim()
        await stage.ledger.release(first.run)
        taken = await stage.ledger.retake(first.run, lease_s=30, now=stage.clock.now())
        assert taken is not None

        async with stage.clock.running():
            work = stage.steps(well, well)
            ended = await runner.run(Control(taken), work, TIMING, stage.around)

        assert ended is not None
        assert (ended.status, ended.attempt) == (Status.DONE, 2)
        assert 0 < stage.clock.elapsed_s() <= 10


def test_waits_double_up_to_the_longest_and_are_spread() -> None:
    """Full jitter: anything from nothing to the whole; no number of attempts is too large."""
    rng = dice(1)
    for attempt, most in ((2, 10), (3, 20), (4, 40), (5, 60), (9, 60), (10**6, 60)):
        found = [wait_s(RETRY, attempt, rng) for _ in range(300)]
        assert 0 <= min(found) < most * 0.05
        assert most * 0.95 < max(found) <= most
