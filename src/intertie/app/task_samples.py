"""What a suite's tasks and backups are measured by. Loaded once they are."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from anyio import to_thread

from intertie.automation.ledger import RunLedger
from intertie.automation.record import Run, Status
from intertie.control.backups import Backups
from intertie.control.schedule import Tasks
from intertie.monitor.sample import Sample, Series
from intertie.monitor.task_rules import AGE, AGE_LIMIT, DRILL_PASSED, P95, RUNNING
from intertie.suite.recovery import BACKUP

_RUNS = 100
_ENOUGH = 5
"""Runs, from which on it can be said how long they usually take."""


class TaskSamples:
    """A source of the collector."""

    name = "tasks"

    def __init__(
        self,
        tasks: Callable[[], Tasks | None],
        known: Callable[[], Sequence[str]],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`known` names the tasks that the suite has now."""
        self._tasks = tasks
        self._known = known
        self._now = now
        self._usual: dict[str, _Usual] = {}

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        """See Collects."""
        it, names = self._tasks(), self._known()
        if it is None:
            return ()
        found: list[Sample] = []
        for name in names:
            found += await self._of_task(it.ledger, name)
        if BACKUP in names:
            found += await self._of_backups(it)
        return found

    async def _of_task(self, ledger: RunLedger, name: str) -> list[Sample]:
        newest = (await ledger.history(name, limit=1)).runs
        if not newest:
            return []
        run = newest[0]
        known = self._usual.get(name)
        if known is None or known.newest != (run.id, run.status):
            page = await ledger.history(name, limit=_RUNS)
            known = self._usual[name] = _Usual((run.id, run.status), *usual(page.runs))
        running = run.status is Status.RUNNING and run.began_at is not None
        for_s = (self._now() - (run.began_at or self._now())).total_seconds() if running else 0.0
        figures = {
            RUNNING: for_s,
            "intertie_task_duration_seconds": known.last_s,
            P95: known.p95_s,
        }
        return [
            _sample(what, value, task=name)
            for what, value in figures.items()
            if not math.isnan(value)
        ]

    async def _of_backups(self, it: Tasks) -> list[Sample]:
        first = await _first_at(it.ledger)
        measured = await to_thread.run_sync(_figures, it.backups, first, self._now())
        return [_sample(name, value, task=BACKUP) for name, value in measured.items()]


@dataclass(frozen=True, slots=True)
class _Usual:
    newest: tuple[int, Status]
    last_s: float
    p95_s: float


def usual(runs: Sequence[Run]) -> tuple[float, float]:
    """Seconds of the newest run that went well, and what 95 of 100 were within; or NaN.

    `runs` is newest first. The second is known from five runs on.
    """
    took = [
        (run.ended_at - run.began_at).total_seconds()
        for run in runs
        if run.status is Status.DONE and run.began_at is not None and run.ended_at is not None
    ]
    if not took:
        return math.nan, math.nan
    if len(took) < _ENOUGH:
        return took[0], math.nan
    return took[0], sorted(took)[math.ceil(0.95 * len(took)) - 1]


async def _first_at(ledger: RunLedger) -> datetime | None:
    """When a backup was due for the first time, as far as it is known."""
    total = (await ledger.history(BACKUP, limit=1)).total
    if not total:
        return None
    return (await ledger.history(BACKUP, page=total, limit=1)).runs[0].scheduled_at


def _figures(backups: Backups, first: datetime | None, now: datetime) -> Mapping[str, float]:
    return dict(_told(backups, first, now))


def _told(backups: Backups, first: datetime | None, now: datetime) -> Iterator[tuple[str, float]]:
    good, newest = backups.newest_report(good=True), backups.newest_report()
    since = good.at if good is not None else first
    if since is not None:
        yield AGE, (now - since).total_seconds()
    yield AGE_LIMIT, backups.age_limit_s()
    if newest is not None:
        yield "intertie_backup_good", float(newest.passed)
        yield "intertie_backup_duration_seconds", newest.took_s
    if good is not None and good.size_bytes is not None:
        yield "intertie_backup_size_bytes", float(good.size_bytes)
    if good is not None and good.barrier is not None:
        yield "intertie_backup_barrier_seconds", good.barrier.took_s
    drill = backups.newest_drill()
    if drill is not None:
        yield DRILL_PASSED, float(drill.passed)
        if drill.rto_s is not None:
            yield "intertie_backup_rto_seconds", drill.rto_s
        if drill.rpo_s is not None:
            yield "intertie_backup_rpo_seconds", drill.rpo_s


def _sample(name: str, value: float, *, task: str) -> Sample:
    return Sample(Series.of(name, {"task": task}), value)
