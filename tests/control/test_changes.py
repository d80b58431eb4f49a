"""Follow a change."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from anyio import Event, create_task_group, fail_after

from intertie.control.actor import Actor
from intertie.control.changes import ChangeControl
from intertie.errors import AccessDeniedError
from intertie.plan import Step
from intertie.runtime.change import Changes, Progress
from intertie.runtime.hub import EventHub
from intertie.store.sqlite import SqliteRecords

pytestmark = pytest.mark.anyio

USER = Actor("test", may_read=True, may_write=True)


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[ChangeControl]:
    """Changes on a real database."""
    hub = EventHub("test", now=lambda: datetime.now(UTC))
    async with SqliteRecords.open(tmp_path / "rows.db") as records:
        changes = Changes(records, hub, now=lambda: datetime.now(UTC))
        async with create_task_group() as group:
            await group.start(changes.run)
            yield ChangeControl(changes, hub)
            group.cancel_scope.cancel()


async def test_a_watcher_sees_each_step_and_the_end(control: ChangeControl) -> None:
    """From the present state to the final one; then the stream ends by itself."""
    go = Event()

    async def work(progress: Progress) -> None:
        await go.wait()
        progress(Step("start", "api", ()), "done")

    change = await control.changes.begin("start api", work, actor="test")
    seen: list[str] = []
    with fail_after(10):
        async with control.watch(change.id) as states:
            async for state in states:
                seen.append(state.status)
                go.set()

    assert seen[0] == "doing"
    assert seen[-1] == "done"
    assert (await control.get(change.id)).steps[0].status == "done"


async def test_watching_an_ended_change_shows_it_once(control: ChangeControl) -> None:
    """Whoever comes late is not left waiting."""

    async def work(_: Progress) -> None:
        return

    change = await control.changes.begin("nothing", work, actor="test")
    await control.changes.wait(change.id)

    with fail_after(10):
        async with control.watch(change.id) as states:
            assert [state.status async for state in states] == ["done"]


async def test_abort_needs_the_right_and_ends_it(control: ChangeControl) -> None:
    """A reader cannot abort; a writer can."""

    async def work(_: Progress) -> None:
        await Event().wait()

    change = await control.changes.begin("wait", work, actor="test")

    with pytest.raises(AccessDeniedError):
        await control.abort(Actor("reader", may_read=True, may_write=False), change.id)
    with fail_after(10):
        await control.abort(USER, change.id)

    assert (await control.get(change.id)).status == "aborted"
    assert (await control.list(1, 10)).total == 1
