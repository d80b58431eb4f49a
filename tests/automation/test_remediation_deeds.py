"""The doing of what a rule of remediation says, on real services."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.automation.remediation_deeds import Deeds, title
from intertie.errors import ChangeError, IntertieError
from intertie.plan import State
from intertie.runtime.change import Changes
from intertie.store.sqlite import SqliteRecords
from tests.automation.alarm import config, entry
from tests.automation.stage import surroundings
from tests.runtime.stage import Stage, service, staged

pytestmark = pytest.mark.anyio


async def no_task(name: str) -> None:
    """There is none."""
    raise IntertieError(f"no task {name}")


@asynccontextmanager
async def doing(
    folder: Path, run_task: Callable[[str], Awaitable[None]] = no_task
) -> AsyncIterator[tuple[Stage, Deeds]]:
    """A service `web` runs, and can be remedied."""
    async with staged(folder) as stage, SqliteRecords.open(folder / "records.db") as records:
        changes = Changes(records, stage.hub, now=lambda: datetime.now(UTC))
        async with create_task_group() as group:
            await group.start(changes.run)
            await stage.run(web=service())
            place = surroundings(folder)
            yield stage, Deeds(stage.supervisor, changes, stage.driver, lambda: place, run_task)
            group.cancel_scope.cancel()


async def do(deeds: Deeds, action: object, *, timeout_s: float = 20) -> str:
    """Do it to `web`; the id of the change."""
    rule = config({"action": action, "timeout": timeout_s}).rules["up"]
    change = await deeds.begin(replace(entry("doing"), action=rule.told), rule)
    await deeds.finish(change, timeout_s)
    return change


async def test_a_service_is_restarted_stopped_and_started(tmp_path: Path) -> None:
    """Each as a change, by nobody but remediation."""
    async with doing(tmp_path) as (stage, deeds):
        before = stage.pid("web")
        change = await deeds.changes.get(await do(deeds, "restart"))
        assert stage.pid("web") != before
        await do(deeds, "stop")
        assert stage.replica("web").state is State.STOPPED
        await do(deeds, "start")

        assert stage.replica("web").state is State.RUNNING
        assert (change.actor, change.title) == ("remediation", title(entry("doing")))
        assert [(s.action, s.service, s.status) for s in change.steps] == [
            ("restart", "web", "done")
        ]


async def test_a_service_gets_more_replicas_up_to_a_bound(tmp_path: Path) -> None:
    """Beyond it, it has failed."""
    async with doing(tmp_path) as (stage, deeds):
        await do(deeds, {"scale": {"by": 5, "most": 2}})

        assert len(stage.supervisor.snapshot().services["web"].replicas) == 2
        with pytest.raises(ChangeError, match="it has 2 replicas, and may have 2"):
            await do(deeds, {"scale": {"most": 2}})


async def test_a_command_knows_what_it_is_run_for(tmp_path: Path) -> None:
    """What it prints is in the service's log; its failure is told."""
    text = "echo $INTERTIE_ALERT $INTERTIE_SERVICE_NAME $INTERTIE_ATTEMPT"
    async with doing(tmp_path) as (stage, deeds):
        await do(deeds, {"command": ["/bin/sh", "-c", text]})

        assert "Down web 1" in await stage.text("web")
        with pytest.raises(ChangeError, match="ended with exit code 3"):
            await do(deeds, {"command": ["/bin/sh", "-c", "exit 3"]})


async def test_an_action_without_end_is_ended(tmp_path: Path) -> None:
    """With what it began."""
    async with doing(tmp_path) as (_, deeds):
        with pytest.raises(ChangeError, match=r"did not end within 0\.1 s"):
            await do(deeds, {"command": "sleep 1000"}, timeout_s=0.1)


async def test_a_task_is_run_to_its_end(tmp_path: Path) -> None:
    """What went wrong with it is told."""
    ran: list[str] = []

    async def run(name: str) -> None:
        ran.append(name)

    async with doing(tmp_path, run) as (_, deeds):
        await do(deeds, {"task": "tidy"})
    (tmp_path / "again").mkdir()
    async with doing(tmp_path / "again") as (_, deeds):
        with pytest.raises(ChangeError, match="no task tidy"):
            await do(deeds, {"task": "tidy"})

    assert ran == ["tidy"]


def test_who_approved_is_in_the_title() -> None:
    """A change is all that many people see of it."""
    assert title(replace(entry(), by="ada")) == (
        "restart web: alert Down (rule up, attempt 1, approved by ada)"
    )
