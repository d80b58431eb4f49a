"""What a suite does at set times: looked at, begun by hand, held up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from intertie.control.actor import Actor
from intertie.errors import ConflictError, NotFoundError
from intertie.runtime.change import Changes, Progress
from intertie.suite.model import Suite
from intertie.suite.recovery import BACKUP, DRILL, MAINTENANCE
from intertie.suite.schedule import Timing

if TYPE_CHECKING:  # needed by suites that have tasks only
    from intertie.automation.backup.port import Snapshot
    from intertie.automation.health_checks import HealthChecks, HealthReport
    from intertie.automation.ledger import RunLedger
    from intertie.automation.record import Run
    from intertie.automation.scheduler import Scheduler
    from intertie.control.backups import Backups

_NONE = (
    "cannot look at tasks: the suite has none, or they are not seen to yet; write some below"
    " `automation`, then `intertie apply`"
)
Kind = Literal["task", "backup", "drill", "maintenance"]
_KINDS: Mapping[str, Kind] = {BACKUP: "backup", DRILL: "drill", MAINTENANCE: "maintenance"}


@dataclass(frozen=True, slots=True)
class Tasks:
    """All that there is while a suite has tasks."""

    scheduler: "Scheduler"
    ledger: "RunLedger"
    backups: "Backups"


@dataclass(frozen=True, slots=True)
class RunView:
    """A task at one time."""

    id: int
    task: str
    scheduled_at: datetime
    trigger: str
    status: str
    attempt: int
    began_at: datetime | None
    ended_at: datetime | None
    exit: int | None
    error: str
    output: str
    """The end of what it printed."""
    trace_id: str = ""
    """Of its log lines and spans."""


@dataclass(frozen=True, slots=True)
class TaskView:
    """Something that is done at set times."""

    name: str
    kind: Kind
    schedule: str
    timezone: str
    enabled: bool
    paused: bool
    next_at: datetime | None
    last: RunView | None


@dataclass(frozen=True, slots=True)
class RunPage:
    """Runs of a task, the newest first."""

    items: tuple[RunView, ...]
    page: int
    limit: int
    total: int


@dataclass(frozen=True, slots=True)
class BackupView:
    """A backup that is kept."""

    id: str
    at: datetime
    size_bytes: int
    files: int
    fault: str | None
    """What is wrong with it, as far as a look shows."""


@dataclass(frozen=True, slots=True)
class TaskControl:
    """Each call raises NotFoundError where the suite has no tasks."""

    now_doing: Callable[[], Tasks | None] = lambda: None
    checks: "Callable[[], HealthChecks | None]" = lambda: None
    suite: Callable[[], Suite] | None = None
    changes: Changes | None = None

    async def list(self, actor: Actor) -> Sequence[TaskView]:
        """All tasks, in the order of their names."""
        it = self._it(actor)
        paused = {state.name for state in await it.ledger.tasks() if state.paused}
        upcoming = it.scheduler.upcoming()
        views: list[TaskView] = []
        for name, (kind, timing) in sorted(timings(self._suite()).items()):
            history = await it.ledger.history(name, limit=1)
            views.append(
                TaskView(
                    name=name,
                    kind=kind,
                    schedule=timing.schedule,
                    timezone=timing.timezone,
                    enabled=timing.enabled,
                    paused=name in paused,
                    next_at=upcoming.get(name),
                    last=_run(history.runs[0]) if history.runs else None,
                )
            )
        return views

    async def runs(self, actor: Actor, name: str, *, page: int, limit: int) -> RunPage:
        """Of one task. Raises NotFoundError."""
        it = self._it(actor)
        self._known(name)
        found = await it.ledger.history(name, page=page, limit=limit)
        return RunPage(tuple(map(_run, found.runs)), page, limit, found.total)

    async def run(self, actor: Actor, name: str) -> RunView:
        """Begin a run by hand. Raises NotFoundError."""
        it = self._it(actor)
        actor.require_write()
        return _run(await it.scheduler.run_now(name))

    async def cancel(self, actor: Actor, name: str) -> int:
        """End its runs; how many. Raises NotFoundError."""
        it = self._it(actor)
        actor.require_write()
        self._known(name)
        return await it.scheduler.cancel(name, f"cancelled by {actor.name}")

    async def pause(self, actor: Actor, name: str, *, paused: bool) -> None:
        """It does not run by itself meanwhile. Raises NotFoundError."""
        it = self._it(actor)
        actor.require_write()
        await (it.scheduler.pause(name) if paused else it.scheduler.resume(name))

    async def backups(self, actor: Actor) -> Sequence[BackupView]:
        """Those that are kept, the newest first."""
        it = self._it(actor)
        return [_backup(each) for each in await it.backups.list()]

    async def restore(
        self, actor: Actor, id: str, target: Path, *, paths: Sequence[str] = ()
    ) -> str:
        """Begin to write a backup into a folder; the id of the change that does it."""
        it = self._it(actor)
        actor.require_write()
        if not target.is_absolute():
            raise ConflictError(f"cannot restore to {target}: give the whole path of the folder")

        async def work(_: Progress) -> None:
            await it.backups.restore(id, target, paths=paths)

        if self.changes is None:
            raise NotFoundError(_NONE)
        change = await self.changes.begin(f"restore {id} to {target}", work, actor=actor.name)
        return change.id

    def health(self, actor: Actor) -> "HealthReport":
        """What the newest look at the suite as a whole found. Raises NotFoundError."""
        actor.require_read()
        checks = self.checks()
        report = checks.report if checks is not None else None
        if report is None:
            raise NotFoundError(
                "cannot tell how the suite is: it is not looked at, or was not yet; write"
                " `automation.monitoring_automation.health_checks: {}`"
            )
        return report

    def _it(self, actor: Actor) -> Tasks:
        actor.require_read()
        found = self.now_doing()
        if found is None:
            raise NotFoundError(_NONE)
        return found

    def _suite(self) -> Suite:
        if self.suite is None:
            raise NotFoundError(_NONE)
        return self.suite()

    def _known(self, name: str) -> None:
        known = timings(self._suite())
        if name not in known:
            told = ", ".join(sorted(known))
            raise NotFoundError(f"cannot find task {name[:100]!r}: known are {told}")


def timings(suite: Suite) -> dict[str, tuple[Kind, Timing]]:
    """All that the suite does at set times, by name."""
    return {name: (_KINDS.get(name, "task"), each) for name, each in suite.automation.timings()}


@dataclass(frozen=True, slots=True)
class Odd:
    """Something odd about a task's next two years."""

    at: datetime
    task: str
    what: str


def oddities(suite: Suite, start: datetime, *, name: str | None = None) -> Sequence[Odd]:
    """What is odd about the next two years, by time. Raises NotFoundError, IntertieError."""
    from intertie.automation.oddities import oddities as of  # noqa: PLC0415

    known = timings(suite)
    if name is not None and name not in known:
        told = ", ".join(sorted(known)) or "none"
        raise NotFoundError(f"cannot explain task {name[:100]!r}: known are {told}")
    chosen = known if name is None else {name: known[name]}
    found = [
        Odd(each.at, task, each.what)
        for task, (_, timing) in chosen.items()
        for each in of(timing, task, start)
    ]
    return sorted(found, key=lambda each: (each.at, each.task))


def _run(run: "Run") -> RunView:
    return RunView(
        id=run.id,
        task=run.task,
        scheduled_at=run.scheduled_at,
        trigger=run.trigger,
        status=run.status,
        attempt=run.attempt,
        began_at=run.began_at,
        ended_at=run.ended_at,
        exit=run.exit,
        error=run.error,
        output=run.output.decode(errors="replace"),
        trace_id=run.trace_id,
    )


def _backup(found: "Snapshot") -> BackupView:
    return BackupView(found.id, found.at, found.size_bytes, found.files, found.fault)
