"""The scheduler, by a clock of its own: weeks, restarts, crashes, clock jumps, other processes."""

import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from anyio import Event, create_task_group, sleep_forever

from intertie.automation.ledger import RunLedger
from intertie.automation.record import Outcome, Run, Status
from intertie.automation.runner import Attempt, Surroundings
from intertie.automation.scheduler import Job, RunResult, Scheduler, Verdict
from intertie.errors import IntertieError, NotFoundError
from intertie.runtime.component import Status as Standing
from intertie.suite.schedule import TaskRetry, Timing
from tests.automation.virtual import START, VirtualClock, dice, settle

pytestmark = pytest.mark.anyio

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MINUTE = timedelta(minutes=1)
HOURLY = Timing(schedule="0 * * * *", timeout=99999.0)


class Stage:
    """Schedulers over one ledger and one clock, and what their tasks did."""

    def __init__(self, ledger: RunLedger, clock: VirtualClock, lease_s: float = 30.0) -> None:
        self.lease_s = lease_s
        self.ledger = ledger
        self.clock = clock
        self.begun: list[tuple[datetime, str, datetime]] = []
        """When, which task, and what time it was due."""
        self.results: list[RunResult] = []
        self.end = Event()

    async def quick(self, attempt: Attempt) -> Outcome:
        """Work that takes no time."""
        self.begun.append((self.clock.now(), attempt.task, attempt.scheduled_at))
        return Outcome(exit=0)

    async def slow(self, attempt: Attempt) -> Outcome:
        """Work that takes 85 minutes."""
        await self.quick(attempt)
        await self.clock.sleep(5100)
        return Outcome(exit=0)

    async def endless(self, attempt: Attempt) -> Outcome:
        """Work that only ends when it is ended."""
        await self.quick(attempt)
        await sleep_forever()
        raise AssertionError

    async def note(self, result: RunResult) -> None:
        """Listen."""
        self.results.append(result)

    def scheduler(self, jobs: Mapping[str, Job], ledger: RunLedger | None = None) -> Scheduler:
        """One that has not begun."""
        around = Surroundings(
            ledger or self.ledger,
            self.clock,
            dice(3),
            lease_s=self.lease_s,
            longest_wait_s=self.lease_s,
        )
        return Scheduler(jobs, around, machine="host", on_finished=self.note)

    @asynccontextmanager
    async def running(self, jobs: Mapping[str, Job]) -> AsyncIterator[Scheduler]:
        """A scheduler that has begun."""
        scheduler = self.scheduler(jobs)
        async with create_task_group() as group:
            await group.start(scheduler.run)
            await settle()
            yield scheduler
            group.cancel_scope.cancel()

    def due(self, task: str = "job") -> list[datetime]:
        """What was begun, by the time it was due."""
        return [due for _, name, due in self.begun if name == task]

    def told(self) -> list[Verdict]:
        """What the listener heard."""
        return [result.verdict for result in self.results]

    async def history(self, task: str = "job") -> list[Run]:
        """The oldest first."""
        return list(reversed((await self.ledger.history(task, limit=200)).runs))


@asynccontextmanager
async def staged(start: datetime = START, lease_s: float = 30.0) -> AsyncIterator[Stage]:
    """With an empty ledger."""
    async with RunLedger.open(None, owner="a") as ledger:
        yield Stage(ledger, VirtualClock(start), lease_s)


def job(stage: Stage, timing: Timing = HOURLY) -> dict[str, Job]:
    """One task of quick work."""
    return {"job": Job(timing, stage.quick)}


async def test_a_week_of_tasks_runs_each_at_its_times() -> None:
    """Hourly, nightly and on Sundays: so many, each once, at once, and nothing else."""
    async with staged(lease_s=3600) as stage:
        jobs = {
            "hourly": Job(HOURLY, stage.quick),
            "nightly": Job(Timing(schedule="0 2 * * *"), stage.quick),
            "sundays": Job(Timing(schedule="30 3 * * 0"), stage.quick),
        }
        async with stage.running(jobs):
            await stage.clock.advance(7 * DAY)

        assert len(stage.due("hourly")) == len(set(stage.due("hourly"))) == 168
        assert stage.due("nightly") == [START + n * DAY + 2 * HOUR for n in range(7)]
        assert stage.due("sundays") == [START + 6 * DAY + 3.5 * HOUR]
        assert all(at == due for at, _, due in stage.begun)
        assert set(stage.told()) == {Verdict.SUCCESS}


async def test_over_a_clock_change_a_nightly_task_runs_once_each_night() -> None:
    """In Berlin at half past two, by default."""
    async with staged(datetime(2025, 10, 24, tzinfo=UTC), lease_s=3600) as stage:
        timing = Timing(schedule="30 2 * * *", timezone="Europe/Berlin")
        async with stage.running(job(stage, timing)):
            await stage.clock.advance(4 * DAY)

        assert [f"{at:%d %H:%M}" for at in stage.due()] == [
            "24 00:30",
            "25 00:30",
            "26 00:30",
            "27 01:30",
        ]


async def test_jitter_delays_the_beginning_and_not_the_name() -> None:
    """Each day by the same time."""
    async with staged(lease_s=3600) as stage:
        async with stage.running(job(stage, Timing(schedule="0 2 * * *", jitter=900))):
            await stage.clock.advance(3 * DAY)

        late = {at - due for at, _, due in stage.begun}
        assert len(late) == 1
        assert timedelta() < late.pop() < timedelta(minutes=15)
        assert stage.due() == [START + n * DAY + 2 * HOUR for n in range(3)]
        assert not any(result.late for result in stage.results)


@pytest.mark.parametrize(
    ("missed", "made_up", "verdicts"),
    [
        ("skip", [], [Verdict.SKIPPED]),
        ("once", [5], [Verdict.SUCCESS]),
        ("all", [2, 3, 4, 5], [Verdict.SUCCESS] * 4),
    ],
)
async def test_after_a_restart_missed_runs_are_made_up_for_as_the_task_wants(
    missed: str, made_up: list[int], verdicts: list[Verdict]
) -> None:
    """Down from 01:30 to 05:30: none, one, or each; they are late, one after the other."""
    async with staged() as stage:
        timing = HOURLY.model_copy(update={"missed": missed})
        async with stage.running(job(stage, timing)):
            await stage.clock.advance(1.5 * HOUR)
        assert [at.hour for at in stage.due()] == [1]
        stage.begun.clear()
        stage.results.clear()
        await stage.clock.advance(4 * HOUR)

        async with stage.running(job(stage, timing)):
            await stage.clock.advance(MINUTE)

        assert [at.hour for at in stage.due()] == made_up
        assert stage.told() == verdicts
        assert all(result.late for result in stage.results if made_up)


async def test_a_run_that_was_cut_short_is_tried_again_after_a_restart() -> None:
    """As its next attempt; the listener hears of the crash, and of the end."""
    async with staged() as stage:
        async with stage.running({"job": Job(HOURLY, stage.endless)}):
            await stage.clock.advance(HOUR + MINUTE)
        async with stage.running(job(stage)):
            await stage.clock.advance(5 * MINUTE)

        (run,) = await stage.history()
        assert (run.status, run.attempt) == (Status.DONE, 2)
        assert [(r.verdict, r.again) for r in stage.results] == [
            (Verdict.CRASHED, True),
            (Verdict.SUCCESS, False),
        ]


async def test_a_run_that_crashed_too_often_is_given_up() -> None:
    """Its attempts are used up by crashes as by failures."""
    async with staged() as stage:
        timing = HOURLY.model_copy(update={"retry": TaskRetry(attempts=2, delay=1, max_delay=1)})
        for _ in range(3):
            async with stage.running({"job": Job(timing, stage.endless)}):
                await stage.clock.advance(65 * MINUTE if not stage.begun else MINUTE)

        (run,) = await stage.history()
        assert (run.status, run.attempt) == (Status.CRASHED, 2)
        assert [(r.verdict, r.again) for r in stage.results] == [
            (Verdict.CRASHED, True),
            (Verdict.CRASHED, False),
        ]


async def test_two_processes_begin_each_run_once(tmp_path: Path) -> None:
    """Over the same file and the same tasks; between them none is left out."""
    clock = VirtualClock()
    path = tmp_path / "runs.db"
    async with RunLedger.open(path, owner="a") as a, RunLedger.open(path, owner="b") as b:
        stage = Stage(a, clock)
        jobs = job(stage, Timing(schedule="*/10 * * * *"))
        async with create_task_group() as group:
            for ledger in (a, b):
                await group.start(stage.scheduler(jobs, ledger).run)
            await clock.advance(6 * HOUR)
            group.cancel_scope.cancel()

        assert len(stage.due()) == len(set(stage.due())) == 36


async def test_a_process_that_died_is_stood_in_for(tmp_path: Path) -> None:
    """Once its lease is over, another process makes the next attempt."""
    clock = VirtualClock()
    path = tmp_path / "runs.db"
    async with RunLedger.open(path, owner="a") as a, RunLedger.open(path, owner="b") as b:
        await a.meet({"job": "x"}, clock.now())
        dead = await a.claim("job", START - HOUR, lease_s=30, now=clock.now())
        stage = Stage(b, clock)
        async with stage.running(job(stage)):
            await clock.advance(timedelta(seconds=29))
            assert stage.begun == []
            await clock.advance(2 * MINUTE)

        assert dead is not None
        run = await b.get(dead.id)
        assert (run.status, run.attempt, run.owner) == (Status.DONE, 2, "b")


@pytest.mark.parametrize(
    ("overlap", "due", "statuses"),
    [
        ("skip", [1, 3, 5], ["done", "skipped", "done", "skipped", "running"]),
        ("queue", [1, 2, 3, 4], ["done", "done", "done", "running", "skipped"]),
        ("replace", [1, 2, 3, 4, 5], [*["cancelled"] * 4, "running"]),
        ("allow", [1, 2, 3, 4, 5], [*["done"] * 4, "running"]),
    ],
)
async def test_a_task_that_takes_longer_than_its_period(
    overlap: str, due: list[int], statuses: list[str]
) -> None:
    """85 minutes each hour, by each rule, seen at 05:45."""
    async with staged() as stage:
        timing = HOURLY.model_copy(update={"overlap": overlap})
        async with stage.running({"job": Job(timing, stage.slow)}):
            await stage.clock.advance(5 * HOUR + 45 * MINUTE)
            assert [at.hour for at in stage.due()] == due
            assert [run.status.value for run in await stage.history()] == statuses
            if overlap == "replace":
                assert all(at == due for at, _, due in stage.begun)


@pytest.mark.parametrize("jump", [3 * HOUR, -3 * HOUR, -2 * MINUTE])
async def test_a_clock_that_is_set_runs_nothing_twice(jump: timedelta) -> None:
    """Times that come again are known; times that were jumped over are missed ones."""
    async with staged() as stage:
        async with stage.running(job(stage)):
            await stage.clock.advance(5 * HOUR + MINUTE)
            stage.clock.set_by(jump)
            await stage.clock.advance(6 * HOUR)

        assert len(stage.due()) == len(set(stage.due()))
        last = (stage.clock.now()).replace(minute=0)
        assert stage.due()[-1] == last
        assert stage.due()[:5] == [START + n * HOUR for n in range(1, 6)]


async def test_a_clock_that_is_set_makes_nobody_dead(tmp_path: Path) -> None:
    """A run that goes on, here or in another process, is not taken for crashed."""
    clock = VirtualClock()
    path = tmp_path / "runs.db"
    async with RunLedger.open(path, owner="a") as a, RunLedger.open(path, owner="b") as b:
        stage = Stage(a, clock)
        timing = HOURLY.model_copy(update={"timeout": 99999.0})
        jobs = {"job": Job(timing, stage.endless)}
        async with create_task_group() as group:
            for ledger in (a, b):
                await group.start(stage.scheduler(jobs, ledger).run)
            await clock.advance(HOUR + MINUTE)
            clock.set_by(2 * DAY)
            await clock.advance(30 * MINUTE)
            group.cancel_scope.cancel()

        assert Verdict.CRASHED not in stage.told()
        assert stage.due() == [START + HOUR]


async def test_a_clock_that_was_years_ahead_does_not_stop_the_tasks() -> None:
    """Set right, they run by the right time, also after a restart."""
    async with staged(datetime(2050, 1, 1, tzinfo=UTC)) as stage:
        async with stage.running(job(stage)):
            await stage.clock.advance(2 * HOUR + MINUTE)
            stage.clock.set_by(-9000 * DAY)
            await stage.clock.advance(2 * HOUR)
            assert len(stage.due()) == 4
        async with stage.running(job(stage)):
            await stage.clock.advance(2 * HOUR)
        assert len(stage.due()) == 6


async def test_jobs_are_renewed_while_they_run() -> None:
    """New ones begin, old ones end, a new schedule missed nothing, a run is not disturbed."""
    async with staged() as stage, stage.running({"job": Job(HOURLY, stage.slow)}) as scheduler:
        await stage.clock.advance(HOUR + MINUTE)
        scheduler.renew({"other": Job(Timing(schedule="*/5 * * * *"), stage.quick)})
        await stage.clock.advance(timedelta(minutes=99))

        assert stage.due() == [START + HOUR]
        assert stage.due("other")[0] == START + HOUR + 5 * MINUTE
        assert len(stage.due("other")) == 20
        (run,) = await stage.history()
        assert run.status is Status.DONE
        assert set(scheduler.upcoming()) == {"other"}


async def test_a_bad_schedule_is_refused_and_the_old_jobs_stay() -> None:
    """By name."""
    async with staged() as stage:
        bad = {"job": Job(Timing(schedule="0 0 30 2 *"), stage.quick)}
        async with stage.running(job(stage)) as scheduler:
            with pytest.raises(IntertieError, match="cannot plan task 'job': cannot use schedule"):
                scheduler.renew(bad)
            await stage.clock.advance(HOUR)
        assert len(stage.due()) == 1


async def test_a_run_by_hand_is_one_of_its_own() -> None:
    """Beside the scheduled ones, also of a task that is disabled or paused."""
    async with staged() as stage:
        timing = HOURLY.model_copy(update={"enabled": False})
        async with stage.running(job(stage, timing)) as scheduler:
            await stage.clock.advance(2 * HOUR)
            run = await scheduler.run_now("job")
            await stage.clock.advance(MINUTE)

            assert scheduler.upcoming() == {"job": None}
        assert (run.trigger, run.status) == ("manual", Status.RUNNING)
        assert stage.due() == [START + 2 * HOUR]
        assert stage.told() == [Verdict.SUCCESS]


async def test_a_run_is_cancelled_by_name() -> None:
    """What goes on and what waits; the next one comes as ever."""
    async with staged() as stage:
        timing = HOURLY.model_copy(update={"overlap": "queue"})
        async with stage.running({"job": Job(timing, stage.endless)}) as scheduler:
            await stage.clock.advance(2 * HOUR + MINUTE)
            assert await scheduler.cancel("job", "enough") == 2
            await stage.clock.advance(HOUR)

            statuses = [run.status for run in await stage.history()]
            assert statuses == [Status.CANCELLED, Status.CANCELLED, Status.RUNNING]
            assert stage.told() == [Verdict.CANCELLED] * 2


async def test_a_paused_task_does_not_run_and_makes_up_for_nothing() -> None:
    """The pause outlives a restart."""
    async with staged() as stage:
        async with stage.running(job(stage)) as scheduler:
            await stage.clock.advance(HOUR + MINUTE)
            await scheduler.pause("job")
            await stage.clock.advance(2 * HOUR)
        async with stage.running(job(stage)) as scheduler:
            await stage.clock.advance(2 * HOUR)
            await scheduler.resume("job")
            await stage.clock.advance(HOUR)

        assert [at.hour for at in stage.due()] == [1, 6]


async def test_a_name_that_is_no_task_is_refused() -> None:
    """By everything that takes one."""
    async with staged() as stage, stage.running({}) as scheduler:
        for call in (scheduler.run_now, scheduler.pause, scheduler.resume):
            with pytest.raises(NotFoundError, match="cannot find task 'job'"):
                await call("job")


async def test_more_are_due_than_can_run_at_once() -> None:
    """All of them run in the end, the others when there is room."""
    async with staged() as stage:
        jobs = {f"job-{n}": Job(HOURLY, stage.slow) for n in range(5)}
        around = Surroundings(stage.ledger, stage.clock, dice(3))
        scheduler = Scheduler(jobs, around, machine="host", most_at_once=2)
        async with create_task_group() as group:
            await group.start(scheduler.run)
            await stage.clock.advance(HOUR + MINUTE)
            assert len(stage.begun) == 2
            await stage.clock.advance(5 * HOUR)
            group.cancel_scope.cancel()

        assert {name for _, name, _ in stage.begun} == set(jobs)


async def test_a_listener_that_fails_stops_nothing() -> None:
    """It is logged, and the tasks go on."""
    async with staged() as stage:

        async def fail(_: RunResult) -> None:
            raise KeyError("listener")

        around = Surroundings(stage.ledger, stage.clock, dice(3))
        scheduler = Scheduler(job(stage), around, machine="host", on_finished=fail)
        async with create_task_group() as group:
            await group.start(scheduler.run)
            await stage.clock.advance(3 * HOUR)
            group.cancel_scope.cancel()

        assert len(stage.due()) == 3


@contextmanager
def full(path: Path) -> Iterator[None]:
    """No run can be written to the file, and everything else can."""
    other = sqlite3.connect(path)
    text = "CREATE TRIGGER full BEFORE INSERT ON run BEGIN SELECT RAISE(ABORT, 'full'); END"
    other.execute(text)
    try:
        yield
    finally:
        other.execute("DROP TRIGGER full")
        other.close()


async def test_a_ledger_that_cannot_be_written_is_waited_for(tmp_path: Path) -> None:
    """Its health says so; the run that was due comes when the file can be written again."""
    clock = VirtualClock()
    path = tmp_path / "runs.db"
    async with RunLedger.open(path, owner="a") as ledger:
        stage = Stage(ledger, clock)
        scheduler = stage.scheduler(job(stage))
        assert scheduler.health().status is Standing.DOWN
        async with create_task_group() as group:
            await group.start(scheduler.run)
            await settle()
            assert scheduler.health().status is Standing.UP
            with full(path):
                await clock.advance(HOUR + MINUTE)
                assert scheduler.health().status is Standing.DEGRADED
                assert stage.begun == []
            await clock.advance(MINUTE)
            assert scheduler.health().status is Standing.UP
            group.cancel_scope.cancel()

        assert stage.due() == [START + HOUR]


async def test_a_process_that_ends_before_it_has_claimed_forgets_nothing(tmp_path: Path) -> None:
    """What is due counts as seen to only when the claim is in the ledger."""
    path = tmp_path / "runs.db"
    async with RunLedger.open(path, owner="a") as ledger:
        stage = Stage(ledger, VirtualClock())
        async with stage.running(job(stage)):
            with full(path):
                await stage.clock.advance(HOUR + MINUTE)
        assert stage.begun == []

        async with stage.running(job(stage)):
            await stage.clock.advance(MINUTE)

        assert stage.due() == [START + HOUR]
