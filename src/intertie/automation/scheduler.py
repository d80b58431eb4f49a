"""The component that begins each task when it is due, once, whatever happens to this process.

Nothing that matters is only in memory: what is due follows from the ledger and the time, and a
pass over it can be cut short anywhere. First all that is due is claimed, then it is marked as
seen to, and a run whose process died is found by its lease.
"""

import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from anyio import TASK_STATUS_IGNORED, Event, create_task_group
from anyio.abc import TaskGroup, TaskStatus

from intertie.automation import cron, runner
from intertie.automation.clock import JumpWatch
from intertie.automation.ledger import REPLACED, Overlap
from intertie.automation.record import Run, RunId, Status
from intertie.automation.runner import Control, Surroundings, Work
from intertie.errors import IntertieError, NotFoundError, StoreError
from intertie.runtime.component import Health
from intertie.runtime.component import Status as Standing
from intertie.suite.schedule import Timing
from intertie.trace_context import Value

log = logging.getLogger(__name__)

_TROUBLE_WAIT_S = 5.0
_ORPHANED = timedelta(hours=1)
_DIED = "the process that ran it ended or was not heard of in time"
_WAS_DOWN = "it was due while nothing was there to run it"


@dataclass(frozen=True, slots=True)
class Job:
    """When, and what."""

    timing: Timing
    work: Work


class Verdict(StrEnum):
    """How a run went, for those who are told."""

    SUCCESS = "success"
    FAILURE = "failure"
    CRASHED = "crashed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class RunResult:
    """A run that is over, or, when it is to be tried again, was cut short."""

    run: Run
    verdict: Verdict
    late: bool = False
    """It began more than a minute after its time."""
    again: bool = False


@dataclass(slots=True)
class _Watched:
    job: Job
    jitter: timedelta
    seen: datetime
    """Up to this due time nothing is left to do."""
    next_at: datetime | None = None
    """When it begins next, jitter included."""

    def advance(self, seen: datetime) -> None:
        self.seen = seen
        if not self.job.timing.enabled:
            self.next_at = None
            return
        due = next(cron.occurrences(self.job.timing, seen), None)
        self.next_at = None if due is None else due + self.jitter


_VERDICTS: Mapping[Status, Verdict] = {
    Status.DONE: Verdict.SUCCESS,
    Status.FAILED: Verdict.FAILURE,
    Status.TIMEOUT: Verdict.FAILURE,
    Status.CRASHED: Verdict.CRASHED,
    Status.SKIPPED: Verdict.SKIPPED,
    Status.CANCELLED: Verdict.CANCELLED,
}


async def tell_nobody(_: RunResult) -> None:
    """For those who do not care."""


class Scheduler:
    """Any number of them, in any number of processes, may share a ledger and its tasks.

    `machine` tells this one from others, for jitter. `on_finished` hears of the runs of this
    process, and of those it found dead.
    """

    def __init__(
        self,
        jobs: Mapping[str, Job],
        around: Surroundings,
        *,
        machine: str,
        on_finished: Callable[[RunResult], Awaitable[None]] = tell_nobody,
        most_at_once: int = 64,
    ) -> None:
        self._jobs = _checked(jobs)
        self._around = around
        self._machine = machine
        self._on_finished = on_finished
        self._most_at_once = most_at_once
        self._watched: dict[str, _Watched] = {}
        self._running: dict[RunId, Control] = {}
        self._met: Mapping[str, Job] = {}
        """What the last pass knew of."""
        self._group: TaskGroup | None = None
        self._wake = Event()
        self._calm_until_s = -math.inf
        """Until then nobody is taken for dead: the clock by which leases end was set."""
        self._look_at_s = -math.inf
        self._trouble = ""
        """Why the last pass did not see to everything."""
        self._new_trouble = ""

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See Component."""
        jumps = JumpWatch(self._around.clock)
        try:
            async with create_task_group() as group:
                self._group = group
                task_status.started()
                while True:
                    self._wake = Event()
                    self._heed(jumps.look())
                    await self._try_pass()
                    await self._rest()
        finally:
            self._group = None

    def health(self) -> Health:
        """See Component."""
        if self._group is None:
            return Health(Standing.DOWN, "it is not running")
        return Health(Standing.DEGRADED, self._trouble) if self._trouble else Health(Standing.UP)

    def renew(self, jobs: Mapping[str, Job]) -> None:
        """From now on these; runs that go on are not disturbed. Raises IntertieError."""
        self._jobs = _checked(jobs)
        self._wake.set()

    def upcoming(self) -> Mapping[str, datetime | None]:
        """When each task begins next; None for one that does not by itself."""
        return {name: watched.next_at for name, watched in self._watched.items()}

    async def run_now(self, name: str) -> Run:
        """Begin a run of its own; SKIPPED or QUEUED where the overlap rule says so.

        Raises NotFoundError, StoreError, and IntertieError when the scheduler does not run.
        """
        job = self._job(name)
        if self._group is None:
            raise IntertieError(f"cannot run task {name!r}: the scheduler is not running")
        at, now = self._around, self._around.clock.now()
        run = await at.ledger.claim_manual(
            name,
            lease_s=at.lease_s,
            now=now,
            overlap=job.timing.overlap,
            trace=at.tracer.child().traceparent,
        )
        await self._take(run, job)
        return run

    async def cancel(self, name: str, why: str = "cancelled by hand") -> int:
        """End its runs that wait or go on, in whatever process; how many. Raises StoreError."""
        found = await self._around.ledger.cancel(name, self._around.clock.now(), why)
        for run in found:
            if run.status is Status.QUEUED:
                await self._tell(await self._around.ledger.get(run.id))
        self._end_running(name, why)
        return len(found)

    async def pause(self, name: str) -> None:
        """Until `resume` it does not run by itself; what is due is not made up for."""
        await self._set_paused(name, paused=True)

    async def resume(self, name: str) -> None:
        """See `pause`. Both raise NotFoundError and StoreError."""
        await self._set_paused(name, paused=False)

    async def _set_paused(self, name: str, *, paused: bool) -> None:
        timing = self._job(name).timing
        await self._around.ledger.meet({name: schedule_text(timing)}, self._around.clock.now())
        await self._around.ledger.pause(name, paused=paused)
        self._wake.set()

    def _job(self, name: str) -> Job:
        job = self._jobs.get(name)
        if job is None:
            raise NotFoundError(f"cannot find task {name!r}: the suite has no task of that name")
        return job

    def _heed(self, jump: timedelta) -> None:
        if not jump:
            return
        log.warning("the clock was set, or the machine slept", extra={"by_s": jump.total_seconds()})
        self._calm_until_s = self._around.clock.elapsed_s() + self._around.lease_s
        now = self._around.clock.now()
        for watched in self._watched.values():
            # Times that come again are not run again: the ledger knows them.
            watched.advance(min(watched.seen, now))

    async def _try_pass(self) -> None:
        before, self._new_trouble = self._trouble, ""
        try:
            await self._pass(self._around.clock.now())
        except StoreError as exc:
            self._new_trouble = str(exc)
        self._trouble = self._new_trouble
        if self._trouble and self._trouble != before:
            log.error("tasks cannot be seen to", extra={"why": self._trouble})

    async def _pass(self, now: datetime) -> None:
        """Nothing in it is lost when it is cut short: the next one finds the same."""
        await self._meet(now)
        await self._begin_due(now)
        if self._around.clock.elapsed_s() >= self._look_at_s:
            await self._look_around(now)

    async def _meet(self, now: datetime) -> None:
        """Take up what is new or has another timing; drop what is gone."""
        jobs = self._jobs
        if jobs is self._met:
            return
        for name in self._watched.keys() - jobs.keys():
            del self._watched[name]
        fresh = {
            name: job
            for name, job in jobs.items()
            if name not in self._watched or self._watched[name].job.timing != job.timing
        }
        for name in jobs.keys() - fresh.keys():
            self._watched[name].job = jobs[name]
        texts = {name: schedule_text(job.timing) for name, job in fresh.items()}
        for state in await self._around.ledger.meet(texts, now):
            job = fresh[state.name]
            late_by = cron.jitter(job.timing, state.name, self._machine)
            watched = _Watched(job, late_by, now)
            watched.advance(min(state.last_seen_at, now))
            self._watched[state.name] = watched
        self._met = jobs

    async def _look_around(self, now: datetime) -> None:
        """For what other processes left, and what waits for a run that is over now."""
        elapsed_s = self._around.clock.elapsed_s()
        open_ends = await self._around.ledger.open_ends(now)
        if elapsed_s >= self._calm_until_s:
            for run in open_ends.expired:
                if run.id not in self._running and not self._is_full():
                    await self._take_over_one(run, now)
        for name in open_ends.queued:
            await self._begin_queued(name, now)
        self._look_at_s = elapsed_s + self._around.lease_s

    async def _take_over_one(self, run: Run, now: datetime) -> None:
        at, job = self._around, self._jobs.get(run.task)
        if job is None:
            if run.lease_until is None or now - run.lease_until > _ORPHANED:
                await self._tell(await at.ledger.give_up(run, now, _DIED))
        elif run.cancel or run.attempt >= job.timing.retry.attempts:
            await self._tell(await at.ledger.give_up(run, now, _DIED))
        else:
            taken = await at.ledger.retake(run, lease_s=at.lease_s, now=now)
            if taken is not None:
                await self._take(taken, job)
                await self._report(RunResult(run, Verdict.CRASHED, again=True))

    async def _begin_due(self, now: datetime) -> None:
        due = self._due(now)
        if not due:
            return
        paused = {state.name for state in await self._around.ledger.tasks() if state.paused}
        async with create_task_group() as claims:  # they share transactions
            for name in due:
                claims.start_soon(self._begin, name, now, name in paused)

    def _due(self, now: datetime) -> Sequence[str]:
        """The longest due first, as many as can be run."""
        found = [
            (watched.next_at, name)
            for name, watched in self._watched.items()
            if watched.next_at is not None and watched.next_at <= now
        ]
        return [name for _, name in sorted(found)][: self._free()]

    async def _begin(self, name: str, now: datetime, paused: bool) -> None:
        watched = self._watched[name]
        try:
            if not paused:
                await self._claim(name, watched, now - watched.jitter)
            await self._around.ledger.seen(name, now - watched.jitter)
        except StoreError as exc:
            self._new_trouble = str(exc)
            return
        watched.advance(now - watched.jitter)

    async def _claim(self, name: str, watched: _Watched, now: datetime) -> None:
        job, timing, at = watched.job, watched.job.timing, self._around
        wanted = cron.due(timing, watched.seen, now)
        for due in wanted or cron.newest(timing, watched.seen, now, count=1):
            if due not in wanted:
                await self._tell(await at.ledger.record_skipped(name, due, _WAS_DOWN))
                continue
            overlap: Overlap = timing.overlap
            if len(wanted) > 1 and overlap != "allow":
                overlap = "line"  # each was wanted
            run = await at.ledger.claim(
                name,
                due,
                lease_s=at.lease_s,
                now=at.clock.now(),
                overlap=overlap,
                trace=at.tracer.begin().traceparent,
            )
            if run is not None:
                await self._take(run, job)

    async def _begin_queued(self, name: str, now: datetime) -> None:
        at, job = self._around, self._jobs.get(name)
        if job is None or self._is_full():
            return
        run = await at.ledger.next_queued(name, lease_s=at.lease_s, now=now)
        if run is not None:
            await self._take(run, job)

    async def _take(self, run: Run, job: Job) -> None:
        """Run it, if that is what became of the claim."""
        if run.status is Status.RUNNING and self._group is not None:
            control = Control(run)
            self._running[run.id] = control
            self._group.start_soon(self._execute, control, job)
        elif run.status is Status.SKIPPED:
            await self._tell(run)
        elif job.timing.overlap == "replace":
            # The ledger asks all processes; why should ours wait for the next heartbeat.
            self._end_running(run.task, REPLACED)

    def _end_running(self, task: str, why: str) -> None:
        for control in self._running.values():
            if control.run.task == task:
                control.cancel(why)

    async def _execute(self, control: Control, job: Job) -> None:
        run, tracer = control.run, self._around.tracer
        fields: dict[str, Value] = {"intertie.task": run.task, "intertie.run": int(run.id)}
        with tracer.within(tracer.resume(run.trace), f"task {run.task}", fields=fields) as piece:
            log.info("task began", extra={"task": run.task, "run": run.id, "attempt": run.attempt})
            try:
                ended = await runner.run(control, job.work, job.timing, self._around)
            finally:
                del self._running[run.id]
                self._look_at_s = -math.inf
                self._wake.set()
            if ended is not None and ended.status is not Status.DONE:
                piece.failed = ended.error or ended.status.value
            _note(run, ended)
            await self._tell(ended)

    async def _tell(self, run: Run | None) -> None:
        if run is not None:
            await self._report(RunResult(run, _VERDICTS[run.status], self._is_late(run)))

    def _is_late(self, run: Run) -> bool:
        if run.began_at is None or run.trigger == "manual":
            return False
        watched = self._watched.get(run.task)
        jitter = timedelta() if watched is None else watched.jitter
        return run.began_at - run.scheduled_at - jitter > cron.GRACE

    async def _report(self, result: RunResult) -> None:
        try:
            await self._on_finished(result)
        except Exception:  # whoever listens must not end the tasks
            log.exception("nobody was told of a run", extra={"task": result.run.task})

    def _free(self) -> int:
        return max(0, self._most_at_once - len(self._running))

    def _is_full(self) -> bool:
        return self._free() == 0

    async def _rest(self) -> None:
        """Until something is due or done; never for long, as the clock may be set meanwhile."""
        async with create_task_group() as group:
            group.start_soon(self._rouse, self._wait_s())
            await self._wake.wait()
            group.cancel_scope.cancel()

    async def _rouse(self, after_s: float) -> None:
        await self._around.clock.sleep(after_s)
        self._wake.set()

    def _wait_s(self) -> float:
        longest_s = min(self._around.longest_wait_s, self._around.lease_s)
        if self._trouble:
            return min(longest_s, _TROUBLE_WAIT_S)
        if self._is_full():
            return longest_s
        never = datetime.max.replace(tzinfo=UTC)
        first = min((w.next_at or never for w in self._watched.values()), default=never)
        until_s = (first - self._around.clock.now()).total_seconds()
        return max(0.0, min(longest_s, until_s))


def _note(run: Run, ended: Run | None) -> None:
    status = "lost" if ended is None else ended.status.value
    is_well = ended is None or ended.status is Status.DONE
    told = {"task": run.task, "run": run.id, "status": status}
    error = "" if ended is None else ended.error
    log.log(
        logging.INFO if is_well else logging.WARNING, "task ended", extra={**told, "error": error}
    )


def _checked(jobs: Mapping[str, Job]) -> Mapping[str, Job]:
    for name, job in jobs.items():
        try:
            cron.check(job.timing)
        except IntertieError as exc:
            raise IntertieError(f"cannot plan task {name!r}: {exc}") from exc
    return dict(jobs)


def schedule_text(timing: Timing) -> str:
    """What the ledger knows a schedule by: times before it changed were none of its own."""
    rest = "" if timing.enabled else " off"
    return f"{timing.schedule} {timing.timezone} {timing.dst}{rest}"
