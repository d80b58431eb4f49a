import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.event import ServiceStarted
from intertie.plan import State
from intertie.runtime.cascade import Cascade
from intertie.runtime.change import Changes
from intertie.runtime.component import Status
from intertie.store.sqlite import SqliteRecords
from tests.runtime.stage import Stage, service, shell, staged
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def cascading(folder: Path) -> AsyncIterator[tuple[Stage, Changes]]:
    """A stage on which dependents react."""
    async with staged(folder) as stage, SqliteRecords.open(folder / "records.db") as records:
        changes = Changes(records, stage.hub, now=lambda: datetime.now(UTC))
        cascade = Cascade(stage.supervisor, changes, stage.hub)
        assert cascade.health().status is Status.DOWN
        async with create_task_group() as group:
            await group.start(changes.run)
            await group.start(cascade.run)
            assert cascade.health().status is Status.UP
            yield stage, changes
            group.cancel_scope.cancel()


def needs(other: str, reaction: str) -> dict[str, object]:
    """A dependency with a reaction."""
    return {"depends_on": {other: {"on_restart": reaction}}}


async def test_a_dependent_restarts_when_its_dependency_comes_back(tmp_path: Path) -> None:
    """By a change that says why; one that declared nothing keeps its process."""
    async with cascading(tmp_path) as (stage, changes):
        await stage.run(
            db=service(restart="always"),
            api=service(**needs("db", "restart")),
            web=service(depends_on=["db"]),
        )
        api, web = stage.pid("api"), stage.pid("web")
        stage.drain()

        os.kill(stage.pid("db"), signal.SIGKILL)
        await stage.next(ServiceStarted, "api")

        assert stage.pid("api") != api
        assert stage.pid("web") == web
        [change] = (await changes.list()).items
        assert (change.title, change.actor) == ("restart api: db came back", "cascade")


async def test_a_restart_goes_through_the_whole_chain(tmp_path: Path) -> None:
    """Each link restarts once."""
    async with cascading(tmp_path) as (stage, changes):
        await stage.run(
            db=service(restart="always"),
            api=service(**needs("db", "restart")),
            web=service(**needs("api", "restart")),
        )
        stage.drain()

        os.kill(stage.pid("db"), signal.SIGKILL)
        await stage.next(ServiceStarted, "web")
        for change in (await changes.list()).items:
            await changes.wait(change.id)

        titles = {change.title for change in (await changes.list()).items}
        assert titles == {"restart api: db came back", "restart web: api came back"}


async def test_who_restarts_both_restarts_each_once(tmp_path: Path) -> None:
    """The dependent that was restarted after its dependency is left alone."""
    async with cascading(tmp_path) as (stage, changes):
        await stage.run(db=service(), api=service(**needs("db", "restart")))
        stage.drain()

        await stage.supervisor.restart(["db", "api"])
        pid = stage.pid("api")
        await stage.supervisor.restart(["db"])  # the next reaction comes after any to the first
        await eventually(lambda: stage.replica("api").pid not in {pid, None})

        assert len((await changes.list()).items) == 1


async def test_a_dependent_on_hold_is_down_while_its_dependency_is(tmp_path: Path) -> None:
    """It stops as soon as the other ends, and is started again once the condition holds."""
    ready = tmp_path / "ready"
    ready.touch()
    check = {"test": ["test", "-e", str(ready)], "interval": "20ms"}
    hold = {"depends_on": {"db": {"condition": "service_healthy", "on_restart": "hold"}}}
    async with cascading(tmp_path) as (stage, _):
        await stage.run(db=service(restart="always", healthcheck=check), api=service(**hold))
        first = stage.pid("api")
        ready.unlink()

        os.kill(stage.pid("db"), signal.SIGKILL)
        await eventually(lambda: stage.replica("api").state is State.WAITING)
        assert stage.replica("api").pid is None
        ready.touch()
        await eventually(lambda: stage.replica("api").state is State.RUNNING)

        assert stage.pid("api") != first


async def test_a_dependent_reloads_when_its_dependency_comes_back(tmp_path: Path) -> None:
    """It gets its signal and keeps its process."""
    script = "trap 'echo reloaded' USR1; echo up; while true; do sleep 1000 & wait $!; done"
    async with cascading(tmp_path) as (stage, _):
        await stage.run(
            db=service(),
            api=shell(script, ready_log_line="up", reload_signal="USR1", **needs("db", "reload")),
        )
        pid = stage.pid("api")
        log = tmp_path / "logs/api/0.out.log"

        await stage.supervisor.restart(["db"])
        await eventually(lambda: "reloaded" in log.read_text())

        assert stage.pid("api") == pid


async def test_compose_s_restart_true_means_restart(tmp_path: Path) -> None:
    """The same key, the same meaning."""
    async with cascading(tmp_path) as (stage, _):
        await stage.run(db=service(), api=service(depends_on={"db": {"restart": True}}))
        pid = stage.pid("api")
        stage.drain()

        await stage.supervisor.restart(["db"])
        await stage.next(ServiceStarted, "api")

        assert stage.pid("api") != pid
