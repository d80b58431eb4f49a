import os
import resource
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from anyio import Event as Bell
from anyio import create_memory_object_stream, create_task_group, fail_after
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from intertie.errors import ChangeError
from intertie.event import Event
from intertie.plan import State
from intertie.runtime.component import Status
from intertie.runtime.hub import EventHub
from intertie.runtime.watch import Act, Reaction, Watcher, WatchMissing, WatchPaused
from intertie.suite.service import Service
from tests.runtime.stage import service, shell, staged
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

Done = tuple[str, str, tuple[str, ...]]


@dataclass
class Desk:
    """A folder whose files are watched, and what is done about their changes."""

    folder: Path
    watcher: Watcher
    wanted: dict[str, Service]
    done: MemoryObjectReceiveStream[Done]
    events: MemoryObjectReceiveStream[Event]
    doing: MemoryObjectSendStream[Done] = field(repr=False)

    async def next(self) -> Done:
        """What is done next."""
        with fail_after(20):
            return await self.done.receive()

    async def next_with(self, path: str) -> None:
        """Write a file until that is seen; before its folder is watched, it may not be."""
        files: tuple[str, ...] = ()
        while path not in files:
            (self.folder / path).write_text("new")
            _, _, files = await self.next()

    async def event(self) -> Event:
        """What is told next."""
        with fail_after(20):
            return await self.events.receive()


def recorder(folder: Path, send: MemoryObjectSendStream[Done], after: Act | None) -> Act:
    """Writes down what is done."""

    async def act(name: str, reaction: Reaction, files: tuple[Path, ...]) -> None:
        send.send_nowait((name, reaction, tuple(str(f.relative_to(folder)) for f in files)))
        if after is not None:
            await after(name, reaction, files)

    return act


@asynccontextmanager
async def watching(
    folder: Path, after: Act | None = None, **services: Service
) -> AsyncIterator[Desk]:
    """Watch for these services; `after` is done as well."""
    hub = EventHub("watch", now=lambda: datetime.now(UTC))
    send, receive = create_memory_object_stream[Done](100)
    wanted = dict(services)
    watcher = Watcher(folder, lambda: wanted, recorder(folder, send, after), hub)
    assert watcher.health().status is Status.DOWN
    async with hub.subscribe() as events, create_task_group() as group:
        with send, receive:
            await group.start(watcher.run)
            assert watcher.health().status is Status.UP
            yield Desk(folder, watcher, wanted, receive, events, send)
            group.cancel_scope.cancel()


def watcher_of(*paths: str, **keys: object) -> Service:
    """A service that watches these."""
    return service(watch=[{"path": path, "debounce": "20ms", **keys} for path in paths])


@contextmanager
def no_more_files() -> Iterator[None]:
    """This process can open none."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_change_restarts_the_service_that_watches_the_file(tmp_path: Path) -> None:
    """Only that one."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    async with watching(tmp_path, a=watcher_of("a"), b=watcher_of("b")) as desk:
        (tmp_path / "b/file").touch()  # and not written: that would be two changes
        assert await desk.next() == ("b", "restart", ("b/file",))

        (tmp_path / "a/file").touch()
        assert await desk.next() == ("a", "restart", ("a/file",))


async def test_it_can_reload_instead(tmp_path: Path) -> None:
    """As `action` says."""
    async with watching(tmp_path, a=watcher_of(".", action="reload", include=["*.conf"])) as desk:
        (tmp_path / "a.txt").write_text("new")
        (tmp_path / "a.conf").write_text("new")

        assert await desk.next() == ("a", "reload", ("a.conf",))


async def test_many_changes_at_once_are_one(tmp_path: Path) -> None:
    """Such as those of a checkout, also in folders that are new."""
    wide = service(watch=[{"path": ".", "debounce": "500ms", "include": ["*.py"]}])
    async with watching(tmp_path, a=wide) as desk:
        for number in range(50):
            (tmp_path / f"{number}.py").write_text("new")

        _, _, files = await desk.next()

        assert len(files) == 50


async def test_a_file_that_an_editor_replaces_is_watched_on(tmp_path: Path) -> None:
    """Written beside it and renamed over it, again and again."""
    (tmp_path / "settings").write_text("0")
    async with watching(tmp_path, a=watcher_of("settings")) as desk:
        for text in ("1", "2", "3"):
            (tmp_path / "settings.new").write_text(text)
            os.replace(tmp_path / "settings.new", tmp_path / "settings")

            assert await desk.next() == ("a", "restart", ("settings",))


async def test_what_is_missing_is_told_once_and_watched_when_it_appears(tmp_path: Path) -> None:
    """Its appearing is a change; so is its going and coming back."""
    async with watching(tmp_path, a=watcher_of("deep/src")) as desk:
        told = await desk.event()
        assert (told.type, told.data["path"]) == (WatchMissing.type, "deep/src")
        desk.watcher.renew()

        (tmp_path / "deep").mkdir()
        (tmp_path / "deep/src").mkdir()
        assert (await desk.next())[0] == "a"

        await desk.next_with("deep/src/new.py")
        assert desk.events.statistics().current_buffer_used == 0


async def test_a_folder_that_is_made_anew_is_watched_on(tmp_path: Path) -> None:
    """As by a build that deletes its output first."""
    src = tmp_path / "src"
    src.mkdir()
    async with watching(tmp_path, a=watcher_of("src")) as desk:
        src.rmdir()
        assert (await desk.event()).type == WatchMissing.type
        src.mkdir()

        await desk.next_with("src/new.py")


async def test_a_changed_suite_is_watched_as_it_says_now(tmp_path: Path) -> None:
    """From `renew` on, services come and go."""
    async with watching(tmp_path, a=watcher_of(".")) as desk:
        (tmp_path / "one").touch()
        assert (await desk.next())[0] == "a"

        del desk.wanted["a"]
        desk.wanted["b"] = watcher_of("gone")
        desk.watcher.renew()
        assert (await desk.event()).data["service"] == "b"
        (tmp_path / "gone").touch()

        assert await desk.next() == ("b", "restart", ("gone",))


async def test_a_service_that_writes_what_it_watches_is_paused(tmp_path: Path) -> None:
    """After a few restarts; others are watched on."""

    async def write(name: str, _: Reaction, files: tuple[Path, ...]) -> None:
        if name == "loop":
            (tmp_path / "loop/state").write_text(f"{len(files)}")

    for name in ("loop", "calm"):
        (tmp_path / name).mkdir()
    services: Mapping[str, Service] = {"loop": watcher_of("loop"), "calm": watcher_of("calm")}
    async with watching(tmp_path, after=write, **services) as desk:
        (tmp_path / "loop/state").write_text("begin")
        told = await desk.event()

        assert (told.type, told.subject) == (WatchPaused.type, "loop")
        assert told.data["files"] == [str(tmp_path / "loop/state")]
        assert desk.done.statistics().current_buffer_used == 5
        for _ in range(5):
            assert (await desk.next())[0] == "loop"
        (tmp_path / "loop/state").write_text("again")
        (tmp_path / "calm/file").write_text("new")
        assert (await desk.next())[0] == "calm"


async def test_an_action_that_fails_is_tried_with_the_next_change(tmp_path: Path) -> None:
    """Nobody else hears of it."""

    async def fail(name: str, *_: object) -> None:
        raise ChangeError(f"cannot restart {name}")

    async with watching(tmp_path, after=fail, a=watcher_of(".")) as desk:
        (tmp_path / "one").touch()
        await desk.next()
        (tmp_path / "two").touch()

        assert await desk.next() == ("a", "restart", ("two",))
        assert desk.watcher.health().status is Status.UP


async def test_changes_while_a_service_restarts_are_acted_on_after_it(tmp_path: Path) -> None:
    """There are never two restarts of one service at a time."""
    release = Bell()

    async def hold(name: str, *_: object) -> None:
        if name == "slow":
            await release.wait()

    services: Mapping[str, Service] = {"slow": watcher_of("."), "quick": watcher_of(".")}
    async with watching(tmp_path, after=hold, **services) as desk:
        (tmp_path / "one").touch()
        assert {(await desk.next())[0], (await desk.next())[0]} == {"slow", "quick"}
        (tmp_path / "two").touch()
        assert await desk.next() == ("quick", "restart", ("two",))
        (tmp_path / "three").touch()
        assert await desk.next() == ("quick", "restart", ("three",))

        release.set()

        assert await desk.next() == ("slow", "restart", ("three", "two"))


async def test_a_machine_that_refuses_to_watch_is_told(tmp_path: Path) -> None:
    """In health; it is asked again, and nothing else suffers."""
    hub = EventHub("watch", now=lambda: datetime.now(UTC))
    send, receive = create_memory_object_stream[Done](1)
    watcher = Watcher(tmp_path, lambda: {"a": watcher_of(".")}, recorder(tmp_path, send, None), hub)
    async with create_task_group() as group:
        with send, receive:
            with no_more_files():
                await group.start(watcher.run)
            assert watcher.health().status is Status.DEGRADED
            assert watcher.health().reason.startswith("cannot watch files: ")

            watcher.renew()
            await eventually(lambda: watcher.health().status is Status.UP)
            (tmp_path / "one").touch()
            with fail_after(20):
                assert await receive.receive() == ("a", "restart", ("one",))
            group.cancel_scope.cancel()


async def test_a_restarted_service_has_the_new_file(tmp_path: Path) -> None:
    """A real one."""
    settings = tmp_path / "settings"
    settings.write_text("old")
    echo = shell("cat settings; exec sleep 1000", watch=[{"path": "settings"}])
    async with staged(tmp_path) as stage:

        async def restart(name: str, *_: object) -> None:
            await stage.supervisor.restart([name])

        await stage.run(api=echo)
        pid = stage.pid("api")
        async with watching(tmp_path, after=restart, api=echo) as desk:
            settings.write_text("new")
            await desk.next()
            await eventually(
                lambda: (
                    stage.replica("api").state is State.RUNNING
                    and stage.replica("api").pid not in {pid, None}
                    and "new" in (tmp_path / "logs/api/0.out.log").read_text()
                )
            )
