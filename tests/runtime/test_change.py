from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from anyio import Event, create_task_group, fail_after, sleep_forever

from intertie.errors import ChangeError, ConflictError, DriverError, NotFoundError
from intertie.plan import Step
from intertie.runtime.change import COLLECTION, Change, Changes, Progress
from intertie.runtime.component import Status
from intertie.runtime.hub import EventHub
from intertie.store import Records
from intertie.store.sqlite import SqliteRecords
from intertie.trace_context import Piece, Tracer, here, use
from tests.w3c import PARENT, TRACE

pytestmark = pytest.mark.anyio
START = Step("start", "api", ("asked for",))


def now() -> datetime:
    """Of day."""
    return datetime.now(UTC)


@asynccontextmanager
async def changing(
    folder: Path, tracer: Tracer | None = None
) -> AsyncIterator[tuple[Changes, Records, EventHub]]:
    """Changes on a real database, being done inside the block."""
    hub = EventHub("test", now=now)
    async with SqliteRecords.open(folder / "db") as records:
        changes = Changes(records, hub, now=now, tracer=tracer)
        async with create_task_group() as group:
            await group.start(changes.run)
            with fail_after(20):
                yield changes, records, hub
            group.cancel_scope.cancel()


async def nothing(progress: Progress) -> None:
    """Work that is done at once."""


async def for_ever(progress: Progress) -> None:
    """Work that has one step and no end."""
    progress(START, "doing")
    await sleep_forever()


async def test_a_change_is_stored_before_it_is_done(tmp_path: Path) -> None:
    """`begin` returns at once, with an id that anybody can look up."""
    async with changing(tmp_path) as (changes, records, _):
        change = await changes.begin("start api", for_ever, actor="me", steps=[START])

        stored = Change.model_validate((await records.get(COLLECTION, change.id)).document)
        assert stored == change
        assert (stored.status, stored.actor, stored.title) == ("doing", "me", "start api")
        assert [(step.service, step.status) for step in stored.steps] == [("api", "todo")]
        assert stored.steps[0].why == ("asked for",)


async def test_steps_are_told_and_kept(tmp_path: Path) -> None:
    """A done change holds how each step went and when."""

    async def work(progress: Progress) -> None:
        progress(START, "doing")
        progress(START, "done")
        progress(Step("start", "web", ()), "doing")
        progress(Step("start", "web", ()), "done")

    async with changing(tmp_path) as (changes, records, hub), hub.subscribe() as events:
        begun = await changes.begin("start", work, actor="me", steps=[START])
        change = await changes.wait(begun.id)

        assert change.status == "done"
        assert change.ended_at is not None
        assert [(s.service, s.status) for s in change.steps] == [("api", "done"), ("web", "done")]
        assert all(s.began_at and s.ended_at and s.began_at <= s.ended_at for s in change.steps)
        assert Change.model_validate((await records.get(COLLECTION, change.id)).document) == change
        told = [(await events.receive()).data for _ in range(6)]
        assert [(data["status"], data["step"]) for data in told] == [
            ("doing", ""),
            ("doing", "start api doing"),
            ("doing", "start api done"),
            ("doing", "start web doing"),
            ("doing", "start web done"),
            ("done", ""),
        ]


async def test_an_error_of_the_work_is_the_error_of_the_change(tmp_path: Path) -> None:
    """The text is kept as it is."""

    async def work(progress: Progress) -> None:
        progress(START, "doing")
        progress(START, "failed", "no port")
        raise DriverError("cannot start service 'api': no port", service="api")

    async with changing(tmp_path) as (changes, _, _):
        change = await changes.wait((await changes.begin("x", work, actor="me")).id)

        assert (change.status, change.error) == ("failed", "cannot start service 'api': no port")
        assert change.steps[0].error == "no port"


async def test_a_fault_of_ours_fails_the_change_only(tmp_path: Path) -> None:
    """The daemon goes on, and no traceback reaches the user."""

    async def work(progress: Progress) -> None:
        raise KeyError("oops")

    async with changing(tmp_path) as (changes, _, _):
        change = await changes.wait((await changes.begin("x", work, actor="me")).id)
        after = await changes.wait((await changes.begin("y", nothing, actor="me")).id)

        assert change.error == "an internal fault; see the daemon's log"
        assert after.status == "done"


async def test_a_change_can_be_aborted(tmp_path: Path) -> None:
    """The work is cancelled, and the change says by whom."""
    async with changing(tmp_path) as (changes, _, _):
        begun = await changes.begin("x", for_ever, actor="me")

        change = await changes.abort(begun.id, actor="boss")

        assert (change.status, change.error) == ("aborted", "aborted by boss")
        assert await changes.get(begun.id) == change
        with pytest.raises(ConflictError, match="it is aborted already"):
            await changes.abort(begun.id, actor="boss")


async def test_the_end_of_the_daemon_aborts_what_is_being_done(tmp_path: Path) -> None:
    """An orderly end is written down; nothing new is begun after."""
    async with changing(tmp_path) as (changes, _, _):
        begun = await changes.begin("x", for_ever, actor="me")
        assert changes.health().status is Status.UP

    async with SqliteRecords.open(tmp_path / "db") as records:
        document = (await records.get(COLLECTION, begun.id)).document
        assert (document["status"], document["error"]) == ("aborted", "the daemon ended")
    assert changes.health().status is Status.DOWN


async def test_changes_of_a_dead_daemon_are_closed(tmp_path: Path) -> None:
    """What a killed daemon left as being done is aborted by the next."""
    left = Change(id="left", title="x", actor="me", began_at=now())
    async with SqliteRecords.open(tmp_path / "db") as records:
        await records.put(COLLECTION, left.id, left.model_dump(mode="json"))

    async with changing(tmp_path) as (changes, _, _):
        change = await changes.wait("left")

        assert (change.status, change.error) == ("aborted", "the daemon ended")


async def test_nothing_is_begun_while_nobody_does_it(tmp_path: Path) -> None:
    """A change begun too late is refused, and closed."""
    async with SqliteRecords.open(tmp_path / "db") as records:
        changes = Changes(records, EventHub("test", now=now), now=now, new_id=lambda: "late")

        with pytest.raises(ChangeError, match="cannot stop: the daemon is ending"):
            await changes.begin("stop", nothing, actor="me")

        assert (await changes.get("late")).status == "aborted"


async def test_changes_are_listed_newest_first(tmp_path: Path) -> None:
    """In pages, with those being done as they are now."""
    stepped = Event()

    async def work(progress: Progress) -> None:
        progress(START, "doing")
        stepped.set()
        await sleep_forever()

    async with changing(tmp_path) as (changes, _, _):
        for title in ("a", "b"):
            await changes.wait((await changes.begin(title, nothing, actor="me")).id)
        await changes.begin("c", work, actor="me")
        await stepped.wait()

        first, second = await changes.list(limit=2), await changes.list(page=2, limit=2)

        assert [change.title for change in first.items] == ["c", "b"]
        assert first.items[0].steps[0].status == "doing"
        assert [change.title for change in second.items] == ["a"]
        assert first.total == second.total == 3


async def test_an_unknown_change_is_not_found(tmp_path: Path) -> None:
    """Looking, waiting and aborting say so alike."""
    async with changing(tmp_path) as (changes, _, _):
        for ask in (changes.get, changes.wait):
            with pytest.raises(NotFoundError):
                await ask("nope")
        with pytest.raises(NotFoundError):
            await changes.abort("nope", actor="me")


async def test_a_change_goes_on_in_the_trace_that_asked_for_it(tmp_path: Path) -> None:
    """Its record, its events and its spans have the id, and what it does is done within it."""
    kept: list[Piece] = []
    tracer = Tracer(0.0, kept.append)
    within: list[str] = []

    async def work(progress: Progress) -> None:
        within.append(here()["trace_id"])
        progress(START, "doing")
        progress(START, "failed", "no room")
        raise DriverError("cannot start: no room", service="api")

    async with changing(tmp_path, tracer) as (changes, records, hub), hub.subscribe() as events:
        with use(tracer.follow(PARENT)):
            begun = await changes.begin("start api", work, actor="me")
        ended = await changes.wait(begun.id)
        told = [await events.receive() for _ in range(4)]
        stored = (await records.get(COLLECTION, begun.id)).document

    step, change = kept
    assert begun.trace_id == ended.trace_id == stored["trace_id"] == TRACE
    assert within == [TRACE]
    assert {(each.traceparent or "")[3:35] for each in told} == {TRACE}
    assert (change.name, change.failed) == ("change: start", "cannot start: no room")
    assert change.fields == {"intertie.change": begun.id, "intertie.actor": "me"}
    assert (step.name, step.failed) == ("step: start", "no room")
    assert step.context.parent == change.context.span_id
    assert change.start_ns // 10**9 <= step.start_ns // 10**9 + 1


async def test_a_change_that_nobody_asked_for_has_a_trace_of_its_own(tmp_path: Path) -> None:
    """Two have two; a record of an earlier version has none."""
    async with changing(tmp_path) as (changes, records, _):
        first = await changes.begin("a", nothing, actor="me")
        second = await changes.begin("b", nothing, actor="me")
        await changes.wait(first.id)
        old = {**(await records.get(COLLECTION, first.id)).document, "id": "old"}
        del old["trace_id"]
        await records.put(COLLECTION, "old", old)

        assert first.trace_id != second.trace_id
        assert (await changes.get("old")).trace_id == ""
