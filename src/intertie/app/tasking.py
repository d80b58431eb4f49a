"""Builds what runs a suite's tasks. Loaded once a suite has one."""

import os
import random
import secrets
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from anyio import to_thread

from intertie.app.pausing import paused
from intertie.app.practice import start_on
from intertie.app.upkeep import maintenance
from intertie.automation.backup.snapshots import Export
from intertie.automation.clock import SystemClock
from intertie.automation.command import Order, command
from intertie.automation.ledger import RunLedger
from intertie.automation.runner import Surroundings, Work
from intertie.automation.scheduler import Job, RunResult, Scheduler, Verdict
from intertie.control.backups import Backups
from intertie.control.health import status_of
from intertie.control.schedule import Tasks, timings
from intertie.errors import NotFoundError
from intertie.event import TaskFinished
from intertie.monitor.channels.port import Message
from intertie.runtime.component import Status
from intertie.runtime.environment import expand
from intertie.suite.recovery import BACKUP, DRILL, MAINTENANCE
from intertie.suite.schedule import Backup, Notifications, Task

if TYPE_CHECKING:
    from intertie.app.orchestrator import SuiteOrchestrator

_RUNS = "runs.db"
_BAD = {Verdict.FAILURE, Verdict.CRASHED}


@asynccontextmanager
async def tasking(orchestrator: "SuiteOrchestrator") -> AsyncIterator[Tasks]:
    """Everything, open; its scheduler is to be run. Raises StoreError, IntertieError."""
    folder = orchestrator.folder.automation
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = f"{orchestrator.folder.instance()}-{os.getpid()}-{secrets.token_hex(4)}"
    async with RunLedger.open(folder / _RUNS, owner=owner) as ledger:
        backups = _backups(orchestrator)
        rng = random.Random()  # noqa: S311 — spreads tries
        around = Surroundings(ledger, SystemClock(), rng, tracer=orchestrator.tracer)
        scheduler = Scheduler(
            jobs_of(orchestrator, backups),
            around,
            machine=socket.gethostname(),
            on_finished=partial(_tell, orchestrator),
        )
        yield Tasks(scheduler, ledger, backups)


def jobs_of(orchestrator: "SuiteOrchestrator", backups: Backups) -> Mapping[str, Job]:
    """All tasks of the suite as it is now."""
    automation = orchestrator.suite.automation
    jobs = {
        name: Job(task, _command(orchestrator, task)) for name, task in automation.tasks.items()
    }
    if automation.backup is not None:
        backup = automation.backup
        drill = backup.model_copy(update={"schedule": backup.drill.schedule})
        jobs[BACKUP] = Job(backup, lambda _: backups.back_up())
        jobs[DRILL] = Job(drill, lambda _: backups.practise())
    if automation.maintenance is not None:
        jobs[MAINTENANCE] = Job(automation.maintenance, maintenance(orchestrator))
    return jobs


def _command(orchestrator: "SuiteOrchestrator", task: Task) -> Work:
    place = orchestrator.surroundings()
    own = {"INTERTIE_SUITE": place.suite, "INTERTIE_DATA": str(place.data)}
    env = {**place.env, **own, **place.bus}
    argv = tuple(expand(word, env) for word in task.command)
    order = Order(argv, place.folder, env, task.resource_limits)
    return command(orchestrator.driver, order)


def _backups(orchestrator: "SuiteOrchestrator") -> Backups:
    place = orchestrator.surroundings()

    def config() -> Backup:
        found = orchestrator.suite.automation.backup
        if found is None:
            raise NotFoundError("cannot back up: the suite has no `automation.backup`")
        return found

    async def unwell() -> str | None:
        services = orchestrator.supervisor.snapshot().services.values()
        bad = [each.name for each in services if status_of(each) is not Status.UP]
        return f"not well: {', '.join(bad)}" if bad else None

    start = partial(
        start_on,
        services=lambda: orchestrator.suite.services,
        driver=orchestrator.driver,
        place=place,
    )

    @asynccontextmanager
    async def pause(names: Sequence[str]) -> AsyncIterator[tuple[str, ...]]:
        services = orchestrator.supervisor.snapshot().services
        running = {
            name: [each.pid for each in services[name].replicas if each.pid is not None]
            for name in names
            if name in services
        }
        pids = [pid for found in running.values() for pid in found]
        async with paused(pids, orchestrator.folder.paused):
            yield tuple(name for name, found in running.items() if found)

    return Backups(
        config=config,
        root=place.folder,
        state=orchestrator.folder.root,
        record=orchestrator.folder.automation,
        resolve=place.resolve,
        services=unwell,
        start=start,
        exports=lambda: _exports(orchestrator),
        pause=pause,
    )


def _exports(orchestrator: "SuiteOrchestrator") -> Mapping[Path, Export]:
    """The store of samples is open here: nobody else can copy it."""
    watching = orchestrator.monitoring.watching
    if watching is None:
        return {}
    store = watching.store

    async def export(target: Path) -> None:
        with TemporaryDirectory(dir=target.parent, prefix="export-") as folder:
            made = await store.snapshot(Path(folder))
            await to_thread.run_sync(made.replace, target)

    return {orchestrator.folder.samples: export}


async def _tell(orchestrator: "SuiteOrchestrator", result: RunResult) -> None:
    """An event for each run, and messages to those that the task names."""
    run = result.run
    orchestrator.hub.publish(
        TaskFinished(
            task=run.task,
            verdict=result.verdict.value,
            run=run.id,
            scheduled_at=run.scheduled_at,
            attempt=run.attempt,
            late=result.late,
            again=result.again,
            error=run.error,
        ),
        run.task,
    )
    if result.again:
        return
    channels = _listeners(orchestrator, result)
    watching = orchestrator.monitoring.watching
    if channels and watching is not None:
        await watching.sender.send(message_of(result), channels)


def _listeners(orchestrator: "SuiteOrchestrator", result: RunResult) -> Sequence[str]:
    known = timings(orchestrator.suite).get(result.run.task)
    if known is None:
        return ()
    told: Notifications = known[1].notifications
    if result.verdict in _BAD or result.late:
        return told.failure
    return told.success if result.verdict is Verdict.SUCCESS else ()


def message_of(result: RunResult) -> Message:
    """How the run went, in words."""
    run = result.run
    is_bad = result.verdict in _BAD
    ended = f"{result.verdict.value}: {run.error}" if run.error else result.verdict.value
    return Message(
        key=f"task:{run.task}:{run.id}:{run.attempt}",
        kind="task",
        title=f"task {run.task}: {result.verdict.value}" + (", late" if result.late else ""),
        text=f"due {run.scheduled_at.isoformat(timespec='seconds')}; {ended}",
        severity="critical" if is_bad else "info",
        at=run.ended_at or datetime.now(UTC),
        trace=run.trace,
    )
