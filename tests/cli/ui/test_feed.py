"""The management API, asynchronously."""

from contextlib import suppress

import anyio
import psutil
import pytest
from anyio import fail_after, to_thread

from intertie.cli.ui.feed import Feed
from intertie.errors import DaemonError, IntertieError
from intertie.runtime.folder import StateFolder
from tests.harness import Bench

pytestmark = [pytest.mark.slow, pytest.mark.anyio]


async def test_services_changes_and_reasons_are_read(running: Bench) -> None:
    """As models; a service that does not exist has no explanation."""
    async with Feed.open(StateFolder(running.state)) as feed:
        names = [each.name for each in await feed.services()]
        latest = (await feed.changes())[-1]
        told = await feed.explain("web")

        assert names == ["echo", "gateway", "web"]
        assert (latest.title, latest.status) == ("up", "done")
        assert told is not None
        assert [need.service for need in told.needs] == ["echo"]
        assert await feed.explain("nothing") is None


async def test_an_action_is_followed_to_its_end(running: Bench) -> None:
    """The change that was begun, with its steps."""
    async with Feed.open(StateFolder(running.state)) as feed:
        change = await feed.act("restart", ["echo"])
        ended = await feed.end_of(change)

    assert ended.id == change
    assert ended.status == "done"
    assert "echo" in [step.service for step in ended.steps]


async def test_what_the_daemon_refuses_is_told_in_its_words(running: Bench) -> None:
    """An unknown service, with the nearest."""
    async with Feed.open(StateFolder(running.state)) as feed:
        with pytest.raises(IntertieError, match="'ekko'"):
            await feed.act("restart", ["ekko"])


async def test_events_go_on_where_a_reader_was(running: Bench) -> None:
    """After the event named come only later ones."""
    async with Feed.open(StateFolder(running.state)) as feed:
        async with feed.events() as events:
            first = await anext(events)
            second = await anext(events)
        async with feed.events(after=first.id) as events:
            assert (await anext(events)).id == second.id


async def test_logs_begin_with_the_last_lines(running: Bench) -> None:
    """Of both streams."""
    async with (
        Feed.open(StateFolder(running.state)) as feed,
        feed.logs("echo", tail=1) as lines,
    ):
        found = {(line.stream, line.text) for line in [await anext(lines), await anext(lines)]}

    assert found == {("out", "hello from echo"), ("err", "a warning")}


async def test_without_a_daemon_it_says_so(bench: Bench) -> None:
    """And what to do."""
    with pytest.raises(DaemonError, match="it is not running; start it with `intertie up`"):
        async with Feed.open(StateFolder(bench.state)):
            pass


async def test_a_stream_ends_with_the_daemon(bench: Bench) -> None:
    """Killed, not told: a reader does not wait for ever, and the next question fails."""
    bench.write("suite: s\napi: {port: auto}\nservices: {a: {command: sleep 1000}}\n")
    await to_thread.run_sync(bench.ok, "up", "--detach")
    async with Feed.open(StateFolder(bench.state)) as feed:
        opened = anyio.Event()

        async def read() -> None:
            with suppress(DaemonError):
                async with feed.logs("a", tail=0) as lines:
                    opened.set()
                    async for _ in lines:
                        pass

        with fail_after(60):
            async with anyio.create_task_group() as group:
                group.start_soon(read)
                await opened.wait()
                psutil.Process(feed.daemon.pid).kill()
        with pytest.raises(DaemonError, match="cannot reach the daemon"):
            await feed.services()
