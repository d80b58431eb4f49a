"""The run ledger: each run once, leases, overlap, history, whoever else has the file open."""

import sqlite3
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.automation.ledger import Mark, Overlap, RunLedger
from intertie.automation.record import OUTPUT_BYTES, Outcome, Run, Status
from intertie.errors import NotFoundError, StoreError
from tests.w3c import PARENT, TRACE

pytestmark = pytest.mark.anyio

NOW = datetime(2025, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
LATER = NOW + HOUR
LEASE_S = 30.0


async def claimed(
    ledger: RunLedger, due: datetime = NOW, overlap: Overlap = "skip", task: str = "backup"
) -> Run:
    """A run that was new."""
    run = await ledger.claim(task, due, lease_s=LEASE_S, now=due, overlap=overlap)
    assert run is not None
    return run


async def test_a_run_is_given_to_one_of_many(tmp_path: Path) -> None:
    """Of ten that claim it at once over three connections, one gets it."""
    path = tmp_path / "runs.db"
    got: list[Run] = []

    async def claim(ledger: RunLedger) -> None:
        run = await ledger.claim("backup", NOW, lease_s=LEASE_S, now=NOW)
        if run is not None:
            got.append(run)

    async with (
        RunLedger.open(path, owner="a") as a,
        RunLedger.open(path, owner="b") as b,
        RunLedger.open(path, owner="c") as c,
        create_task_group() as group,
    ):
        for ledger in (a, b, c, a, b, c, a, b, c, a):
            group.start_soon(claim, ledger)

    (run,) = got
    assert (run.status, run.attempt, run.began_at) == (Status.RUNNING, 1, NOW)
    assert run.lease_until == NOW + timedelta(seconds=LEASE_S)


async def test_the_file_is_its_owners_only_and_survives(tmp_path: Path) -> None:
    """What a call has returned is there after reopening."""
    path = tmp_path / "state" / "runs.db"
    async with RunLedger.open(path, owner="a") as ledger:
        run = await claimed(ledger)
        await ledger.finish(run, Status.DONE, Outcome(exit=0, output=b"42 files"), LATER)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    async with RunLedger.open(path, owner="b") as ledger:
        again = await ledger.get(run.id)
        assert (again.status, again.exit, again.output) == (Status.DONE, 0, b"42 files")
        assert (again.ended_at, again.owner) == (LATER, "a")
        assert await ledger.claim("backup", NOW, lease_s=LEASE_S, now=NOW) is None


async def test_a_run_whose_lease_ran_out_is_taken_by_one(tmp_path: Path) -> None:
    """With the next attempt; he who lost it can change nothing any more."""
    path = tmp_path / "runs.db"
    async with RunLedger.open(path, owner="a") as a, RunLedger.open(path, owner="b") as b:
        run = await claimed(a)
        assert (await b.open_ends(NOW + timedelta(seconds=LEASE_S))).expired == []
        (found,) = (await b.open_ends(LATER)).expired

        taken = await b.retake(found, lease_s=LEASE_S, now=LATER)
        assert taken is not None
        assert (taken.attempt, taken.owner) == (2, "b")
        assert await a.retake(found, lease_s=LEASE_S, now=LATER) is None
        assert await a.give_up(found, LATER, "why") is None

        assert (await a.beat(run, lease_s=LEASE_S, now=LATER)).mark is Mark.LOST
        assert await a.again(run, lease_s=LEASE_S, now=LATER) is None
        assert await a.finish(run, Status.DONE, Outcome(), LATER) is None
        await a.release(run)
        assert (await b.open_ends(LATER)).expired == []
        assert (await b.finish(taken, Status.DONE, Outcome(), LATER)) is not None


async def test_a_heartbeat_holds_the_lease(tmp_path: Path) -> None:
    """For so much longer from now."""
    async with RunLedger.open(tmp_path / "runs.db", owner="a") as ledger:
        run = await claimed(ledger)

        beat = await ledger.beat(run, lease_s=LEASE_S, now=LATER)

        assert beat.mark is Mark.HELD
        assert (await ledger.open_ends(LATER)).expired == []
        await ledger.release(run)
        assert [found.id for found in (await ledger.open_ends(LATER)).expired] == [run.id]


async def test_a_crash_that_is_given_up_is_in_the_history() -> None:
    """With the reason, and as cancelled where that had been asked for."""
    async with RunLedger.open(None, owner="a") as ledger:
        run = await claimed(ledger)
        other = await claimed(ledger, task="cleanup")
        await ledger.cancel("cleanup", NOW, "not today")

        crashed = await ledger.give_up(run, LATER, "its process died")
        cancelled = await ledger.give_up(other, LATER, "its process died")

        assert crashed is not None
        assert (crashed.status, crashed.error) == (Status.CRASHED, "its process died")
        assert cancelled is not None
        assert (cancelled.status, cancelled.error) == (Status.CANCELLED, "not today")


async def test_skip_leaves_out_a_run_while_another_goes_on() -> None:
    """It is in the ledger all the same, with the reason."""
    async with RunLedger.open(None, owner="a") as ledger:
        await claimed(ledger)
        second = await claimed(ledger, LATER)

        assert second.status is Status.SKIPPED
        assert second.error == "the run of 2025-06-01T12:00:00+00:00 was not over"
        assert second.attempt == 0


async def test_queue_lets_one_wait_and_no_more() -> None:
    """It begins when the one before is over."""
    async with RunLedger.open(None, owner="a") as ledger:
        first = await claimed(ledger)
        second = await claimed(ledger, LATER, "queue")
        third = await claimed(ledger, LATER + HOUR, "queue")

        assert (second.status, third.status) == (Status.QUEUED, Status.SKIPPED)
        assert await ledger.next_queued("backup", lease_s=LEASE_S, now=LATER) is None
        assert (await ledger.open_ends(NOW)).queued == ["backup"]

        await ledger.finish(first, Status.DONE, Outcome(), LATER)
        begun = await ledger.next_queued("backup", lease_s=LEASE_S, now=LATER)
        assert begun is not None
        assert (begun.id, begun.status, begun.attempt) == (second.id, Status.RUNNING, 1)
        assert (await ledger.open_ends(NOW)).queued == []


async def test_a_line_lets_any_number_wait_in_order() -> None:
    """For missed runs that are all wanted."""
    async with RunLedger.open(None, owner="a") as ledger:
        runs = [await claimed(ledger, NOW + n * HOUR, "line") for n in range(4)]
        order = [runs[0].id]
        await ledger.finish(runs[0], Status.DONE, Outcome(), LATER)
        while (run := await ledger.next_queued("backup", lease_s=LEASE_S, now=LATER)) is not None:
            order.append(run.id)
            await ledger.finish(run, Status.DONE, Outcome(), LATER)

        assert order == [run.id for run in runs]


async def test_replace_asks_the_running_one_to_end_and_waits_for_that() -> None:
    """A third takes the place of the second, which had not begun."""
    async with RunLedger.open(None, owner="a") as ledger:
        first = await claimed(ledger)
        second = await claimed(ledger, LATER, "replace")
        third = await claimed(ledger, LATER + HOUR, "replace")

        beat = await ledger.beat(first, lease_s=LEASE_S, now=LATER)
        assert (beat.mark, beat.why) == (Mark.CANCEL, "a newer run takes its place")
        assert (await ledger.get(second.id)).status is Status.SKIPPED
        assert third.status is Status.QUEUED


async def test_allow_runs_beside() -> None:
    """As many as are due."""
    async with RunLedger.open(None, owner="a") as ledger:
        runs = [await claimed(ledger, NOW + n * HOUR, "allow") for n in range(3)]
        assert {run.status for run in runs} == {Status.RUNNING}


async def test_runs_by_hand_have_a_time_of_their_own() -> None:
    """Two within one millisecond are two runs, and neither is a scheduled one."""
    async with RunLedger.open(None, owner="a") as ledger:
        scheduled = await claimed(ledger, overlap="allow")
        first = await ledger.claim_manual("backup", lease_s=1, now=NOW, overlap="allow")
        second = await ledger.claim_manual("backup", lease_s=1, now=NOW, overlap="allow")

        assert (scheduled.trigger, first.trigger, second.trigger) == (
            "schedule",
            "manual",
            "manual",
        )
        assert len({run.scheduled_at for run in (scheduled, first, second)}) == 3
        assert second.scheduled_at - NOW == timedelta(milliseconds=2)


async def test_cancel_ends_what_waits_and_marks_what_runs() -> None:
    """Of that task only."""
    async with RunLedger.open(None, owner="a") as ledger:
        first = await claimed(ledger)
        second = await claimed(ledger, LATER, "queue")
        other = await claimed(ledger, task="cleanup")

        found = await ledger.cancel("backup", LATER, "too hot")

        assert {run.id for run in found} == {first.id, second.id}
        assert (await ledger.get(second.id)).status is Status.CANCELLED
        assert (await ledger.beat(first, lease_s=1, now=LATER)).why == "too hot"
        assert (await ledger.beat(other, lease_s=1, now=LATER)).mark is Mark.HELD


async def test_history_is_the_newest_first_by_pages() -> None:
    """With the number of all."""
    async with RunLedger.open(None, owner="a") as ledger:
        for n in range(5):
            await claimed(ledger, NOW + n * HOUR, "allow")

        first = await ledger.history("backup", page=1, limit=2)
        last = await ledger.history("backup", page=3, limit=2)

        assert [run.scheduled_at for run in first.runs] == [NOW + 4 * HOUR, NOW + 3 * HOUR]
        assert [run.scheduled_at for run in last.runs] == [NOW]
        assert first.total == 5
        assert (await ledger.history("unknown")).runs == []


async def test_only_the_end_of_the_output_is_kept() -> None:
    """64 KiB of it."""
    async with RunLedger.open(None, owner="a") as ledger:
        run = await claimed(ledger)
        output = b"x" * OUTPUT_BYTES + b"the end"
        ended = await ledger.finish(run, Status.FAILED, Outcome(ok=False, output=output), LATER)

        assert ended is not None
        assert len(ended.output) == OUTPUT_BYTES
        assert ended.output.endswith(b"the end")


async def test_a_thousand_runs_are_kept_and_what_is_forgotten_is_not_run_again() -> None:
    """The oldest go; a process that slept for long and claims one of them does not get it."""
    async with RunLedger.open(None, owner="a") as ledger:
        await ledger.meet({"backup": "0 * * * *"}, NOW)
        for n in range(1003):
            run = await claimed(ledger, NOW + n * HOUR)
            await ledger.finish(run, Status.DONE, Outcome(), NOW + n * HOUR)

        page = await ledger.history("backup", limit=1)
        assert page.total == 1000
        assert await ledger.claim("backup", NOW, lease_s=1, now=NOW + 1003 * HOUR) is None


async def test_a_task_is_met_with_its_mark_and_a_new_schedule_moves_it() -> None:
    """Nothing was missed by a schedule that was not there."""
    async with RunLedger.open(None, owner="a") as ledger:
        await ledger.meet({"backup": "0 * * * *"}, NOW)
        await ledger.seen("backup", NOW + timedelta(minutes=5))

        (same,) = await ledger.meet({"backup": "0 * * * *"}, LATER)
        assert same.last_seen_at == NOW + timedelta(minutes=5)
        (moved,) = await ledger.meet({"backup": "5 * * * *"}, LATER)
        assert moved.last_seen_at == LATER


async def test_a_pause_is_remembered(tmp_path: Path) -> None:
    """By all who have the file; a task never met cannot be paused."""
    path = tmp_path / "runs.db"
    async with RunLedger.open(path, owner="a") as a, RunLedger.open(path, owner="b") as b:
        await a.meet({"backup": "0 * * * *"}, NOW)
        await a.pause("backup", paused=True)
        assert [state.paused for state in await b.tasks()] == [True]
        await b.pause("backup", paused=False)
        assert [state.paused for state in await a.tasks()] == [False]
        with pytest.raises(NotFoundError, match="cannot find task 'nothing'"):
            await a.pause("nothing", paused=True)


async def test_a_run_that_was_never_wanted_is_recorded_once() -> None:
    """As skipped, with the reason."""
    async with RunLedger.open(None, owner="a") as ledger:
        run = await ledger.record_skipped("backup", NOW, "nobody was there")
        assert run is not None
        assert (run.status, run.error) == (Status.SKIPPED, "nobody was there")
        assert await ledger.record_skipped("backup", NOW, "nobody was there") is None
        assert await ledger.claim("backup", NOW, lease_s=1, now=NOW) is None


async def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    """A run that never was, a file that is no ledger, a folder that cannot be."""
    async with RunLedger.open(None, owner="a") as ledger:
        run = await claimed(ledger)
        with pytest.raises(NotFoundError, match="cannot find run"):
            await ledger.get(type(run.id)(run.id + 1))
    (tmp_path / "file").write_text("not a database, not at all, and long enough to be read as one")
    for path in (tmp_path / "file", tmp_path / "file" / "runs.db"):
        with pytest.raises(StoreError, match="cannot open run ledger"):
            async with RunLedger.open(path, owner="a"):
                pass


async def test_the_schema_itself_refuses_a_second_run(tmp_path: Path) -> None:
    """Whatever program writes to the file."""
    path = tmp_path / "runs.db"
    async with RunLedger.open(path, owner="a") as ledger:
        await claimed(ledger)
    other = sqlite3.connect(path)
    with other, pytest.raises(sqlite3.IntegrityError):
        other.execute(
            "INSERT INTO run (task, scheduled_ms, source, status) "
            "SELECT task, scheduled_ms, source, status FROM run"
        )
    other.close()


async def test_a_run_keeps_its_trace_over_attempts(tmp_path: Path) -> None:
    """Whoever takes it over goes on in it."""
    path = tmp_path / "runs.db"
    async with RunLedger.open(path, owner="a") as a, RunLedger.open(path, owner="b") as b:
        run = await a.claim("backup", NOW, lease_s=LEASE_S, now=NOW, trace=PARENT)
        assert run is not None
        taken = await b.retake(run, lease_s=LEASE_S, now=LATER)
        by_hand = await b.claim_manual("backup", lease_s=LEASE_S, now=LATER, trace=PARENT)

    assert taken is not None
    assert (taken.trace, taken.trace_id) == (PARENT, TRACE)
    assert by_hand.trace_id == TRACE


async def test_a_file_of_an_earlier_version_is_gone_on_with(tmp_path: Path) -> None:
    """Its runs have no trace, and new ones do."""
    path = tmp_path / "runs.db"
    async with RunLedger.open(path, owner="a") as ledger:
        old = await claimed(ledger)
        await ledger.finish(old, Status.DONE, Outcome(), NOW)
    with sqlite3.connect(path) as db:
        db.execute("ALTER TABLE run DROP COLUMN trace")

    async with RunLedger.open(path, owner="b") as ledger, RunLedger.open(path, owner="c"):
        fresh = await ledger.claim("backup", LATER, lease_s=LEASE_S, now=LATER, trace=PARENT)
        found = (await ledger.history("backup")).runs

    assert fresh is not None
    assert [each.trace_id for each in found] == [TRACE, ""]
