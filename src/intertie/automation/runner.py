"""One run of one task: its attempts, until one goes well or nothing more can be done."""

import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from anyio import CancelScope, create_task_group, get_cancelled_exc_class, move_on_after

from intertie.automation.clock import Clock
from intertie.automation.ledger import Mark, RunLedger
from intertie.automation.record import Outcome, Run, RunId, Status, Tail
from intertie.errors import IntertieError, StoreError
from intertie.suite.schedule import TaskRetry, Timing
from intertie.trace_context import Tracer

log = logging.getLogger(__name__)

LEASE_S = 30.0
_BEATS_PER_LEASE = 3
_RELEASE_S = 15.0
_FINISH_TRIES = 5
_FINISH_WAIT_S = 2.0
_MOST_DOUBLINGS = 60


class NotRetryable(IntertieError):
    """Raised by work that failed so that another try would fail as well."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a piece of work is told. Its process may have died in the attempts before."""

    run: RunId
    task: str
    scheduled_at: datetime
    number: int
    """From 1."""
    manual: bool
    tail: Tail = field(default_factory=Tail)
    """Output written here is kept also when the work is cut short."""


Work = Callable[[Attempt], Awaitable[Outcome]]
"""Cancelled when its time is over or its run is; it cleans up then, bounded in time."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all runs of a process share."""

    ledger: RunLedger
    clock: Clock
    rng: random.Random
    lease_s: float = LEASE_S
    """How long nothing is heard of a process before it is taken for dead."""
    longest_wait_s: float = 30.0
    """How long it may take to notice that the clock was set."""
    tracer: Tracer = field(default_factory=Tracer)


@dataclass(slots=True)
class Control:
    """A running run, as seen from outside."""

    run: Run
    why: str = ""
    """It was cancelled for this reason."""
    lost: bool = False
    """Another process has it now."""
    scope: CancelScope = field(default_factory=CancelScope)
    tail: Tail = field(default_factory=Tail)
    """Of the newest attempt."""

    def cancel(self, why: str) -> None:
        """End the attempt, and make no other."""
        self.why = self.why or why or "cancelled"
        self.scope.cancel()

    def lose(self) -> None:
        """End the attempt; what becomes of the run is for others to say."""
        self.lost = True
        self.scope.cancel()


async def run(control: Control, work: Work, timing: Timing, at: Surroundings) -> Run | None:
    """Carry a claimed run to its end, and return it as the ledger has it.

    None when it was lost to another process, or the ledger cannot be written: then its lease runs
    out. When the caller is cancelled the lease is given back, and the run counts as crashed.
    """
    ended: Run | None = None
    try:
        async with create_task_group() as group:
            group.start_soon(_hold, control, at)
            with control.scope:
                ended = await _attempts(control, work, timing, at)
            group.cancel_scope.cancel()
    except get_cancelled_exc_class():
        with move_on_after(_RELEASE_S, shield=True):
            await _release(control, at)
        raise
    if ended is not None or control.lost:
        return ended
    return await _finish(control, Status.CANCELLED, Outcome(ok=False, error=control.why), at)


def wait_s(retry: TaskRetry, attempt: int, rng: random.Random) -> float:
    """Seconds before `attempt` (from 2): full jitter up to delay, twice that, and so on.

    Source: Brooker, "Exponential Backoff and Jitter" (2015).
    """
    doublings = min(max(attempt - 2, 0), _MOST_DOUBLINGS)
    return rng.uniform(0, min(retry.max_delay, retry.delay * 2.0**doublings))


async def _attempts(control: Control, work: Work, timing: Timing, at: Surroundings) -> Run | None:
    while True:
        if control.run.attempt > 1:
            await at.clock.sleep(wait_s(timing.retry, control.run.attempt, at.rng))
        status, outcome = await _attempt(control, work, timing.timeout, at.clock)
        if _is_final(status, outcome, control.run.attempt, timing.retry):
            with CancelScope(shield=True):  # what has come to its end is not cancelled any more
                return await _finish(control, status, outcome, at)
        following = await _again(control, at)
        if following is None:
            control.lost = True
            return None
        control.run = following


def _is_final(status: Status, outcome: Outcome, attempt: int, retry: TaskRetry) -> bool:
    return status is Status.DONE or not outcome.retryable or attempt >= retry.attempts


async def _attempt(
    control: Control, work: Work, timeout_s: float, clock: Clock
) -> tuple[Status, Outcome]:
    run, control.tail = control.run, Tail()
    manual = run.trigger == "manual"
    attempt = Attempt(run.id, run.task, run.scheduled_at, run.attempt, manual, control.tail)
    outcome: Outcome | None = None
    async with create_task_group() as group:
        with CancelScope() as scope:
            group.start_soon(_alarm, clock, timeout_s, scope)
            outcome = await _fenced(work, attempt)
        group.cancel_scope.cancel()
    if outcome is None:
        return Status.TIMEOUT, Outcome(ok=False, error=f"it did not end within {timeout_s:g} s")
    return Status.DONE if outcome.ok else Status.FAILED, outcome


async def _alarm(clock: Clock, after_s: float, scope: CancelScope) -> None:
    await clock.sleep(after_s)
    scope.cancel()


async def _fenced(work: Work, attempt: Attempt) -> Outcome:
    """Its outcome, also where it raises: one task's mistake must not end the others."""
    try:
        return await work(attempt)
    except NotRetryable as exc:
        return Outcome(ok=False, error=str(exc), retryable=False)
    except IntertieError as exc:
        return Outcome(ok=False, error=str(exc))
    except Exception:
        log.exception("a task failed in a way it does not know", extra={"task": attempt.task})
        return Outcome(ok=False, error="it failed in a way it does not know; see the log")


async def _hold(control: Control, at: Surroundings) -> None:
    """Renew the lease. Once others may have taken the run, it is not ours to go on with."""
    held_s = at.clock.elapsed_s()
    while True:
        await at.clock.sleep(at.lease_s / _BEATS_PER_LEASE)
        try:
            beat = await at.ledger.beat(control.run, lease_s=at.lease_s, now=at.clock.now())
        except StoreError as exc:
            log.warning("a lease was not renewed", extra={"task": control.run.task, "why": exc})
            if at.clock.elapsed_s() - held_s >= at.lease_s:
                control.lose()
                return
            continue
        held_s = at.clock.elapsed_s()
        if beat.mark is Mark.LOST:
            log.warning("a run was taken by another process", extra={"task": control.run.task})
            control.lose()
            return
        if beat.mark is Mark.CANCEL:
            control.cancel(beat.why)
            return


async def _again(control: Control, at: Surroundings) -> Run | None:
    try:
        return await at.ledger.again(control.run, lease_s=at.lease_s, now=at.clock.now())
    except StoreError as exc:
        log.warning("an attempt was not begun", extra={"task": control.run.task, "why": exc})
        return None


async def _finish(
    control: Control, status: Status, outcome: Outcome, at: Surroundings
) -> Run | None:
    kept = replace(outcome, output=outcome.output or bytes(control.tail))
    for wait in (_FINISH_WAIT_S,) * _FINISH_TRIES:
        try:
            return await at.ledger.finish(control.run, status, kept, at.clock.now())
        except StoreError as exc:
            log.warning("an end was not written", extra={"task": control.run.task, "why": exc})
            await at.clock.sleep(wait)
    return None


async def _release(control: Control, at: Surroundings) -> None:
    try:
        await at.ledger.release(control.run)
    except StoreError as exc:
        log.warning("a lease was not given back", extra={"task": control.run.task, "why": exc})
