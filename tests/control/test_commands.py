"""Commands that come over the bus: done once, answered once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.control.commands import COLLECTION, Commands
from intertie.control.services import Services
from intertie.event import ControlAnswered, ServiceStarted, ServiceStopped
from intertie.runtime.change import Changes
from intertie.store.sqlite import SqliteRecords
from intertie.suite.service import Service
from tests.runtime.stage import Stage, staged
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


@dataclass
class Desk:
    """Commands over a real supervisor with one service, stopped."""

    stage: Stage
    commands: Commands
    records: SqliteRecords


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    """Everything runs inside the block."""
    async with (
        staged(folder) as stage,
        SqliteRecords.open(folder / "db") as records,
        create_task_group() as group,
    ):
        changes = Changes(records, stage.hub, now=now)
        await group.start(changes.run)
        await stage.know(a=Service(command=("sleep", "1000")))
        services = Services(stage.supervisor, changes)
        yield Desk(stage, Commands(services, changes, records, stage.hub, now), records)
        await stage.supervisor.stop(["a"])
        group.cancel_scope.cancel()


async def test_a_command_is_done_and_answered(tmp_path: Path) -> None:
    """With the change that did it."""
    async with desk(tmp_path) as it:
        answer = await it.commands.run("start", ["a"], key="k")

        assert (answer.status, answer.services, answer.error) == ("done", ("a",), None)
        assert answer.change is not None
        assert it.stage.subjects(ServiceStarted) == ["a"]
        assert it.stage.subjects(ControlAnswered) == ["start"]


async def test_the_same_key_is_the_same_command(tmp_path: Path) -> None:
    """At once or later, it is done once and has one answer."""
    answers: list[ControlAnswered] = []
    async with desk(tmp_path) as it:

        async def send() -> None:
            answers.append(await it.commands.run("restart", ["a"], key="k"))

        async with create_task_group() as group:
            for _ in range(5):
                group.start_soon(send)
        await send()
        other = await it.commands.run("restart", ["a"], key="another")

        assert answers == [answers[0]] * 6
        assert other.change != answers[0].change
        assert len(it.stage.subjects(ServiceStarted)) == 2


async def test_the_answer_has_the_same_id_each_time(tmp_path: Path) -> None:
    """So that what keeps events keeps one of them, whenever the daemon died."""
    async with desk(tmp_path) as it:
        await it.commands.run("start", ["a"], key="k")
        await it.commands.run("start", ["a"], key="k")
        it.stage.drain()
        ids = [event.id for event in it.stage.seen if event.type == ControlAnswered.type]

        assert len(set(ids)) == 1


async def test_a_command_that_was_begun_and_not_answered_is_done_again(tmp_path: Path) -> None:
    """A daemon that died in between did not answer: start, stop and restart bear it."""
    async with desk(tmp_path) as it:
        await it.commands.run("start", ["a"], key="k")
        (stored,) = (await it.records.find(COLLECTION)).items
        await it.records.delete(COLLECTION, stored.id)

        assert (await it.commands.run("start", ["a"], key="k")).status == "done"


async def test_what_cannot_be_done_is_answered_too(tmp_path: Path) -> None:
    """Refused with the reason; a service that does not start is a failure."""
    async with desk(tmp_path) as it:
        unknown = await it.commands.run("stop", ["nosuch"], key="1")
        await it.stage.know(broken=Service(command=("/no/such/program",)))
        failed = await it.commands.run("start", ["broken"], key="2")

        assert (unknown.status, unknown.change) == ("refused", None)
        assert "cannot find service 'nosuch'" in str(unknown.error)
        assert failed.status == "failed"
        assert "/no/such/program" in str(failed.error)
        await it.stage.know(a=Service(command=("sleep", "1000")))


async def test_no_names_are_all_of_them(tmp_path: Path) -> None:
    """As on the command line."""
    async with desk(tmp_path) as it:
        answer = await it.commands.run("start", [], key="k")

        assert answer.status == "done"
        assert it.stage.subjects(ServiceStarted) == ["a"]


async def test_all_does_not_mean_the_bus(tmp_path: Path) -> None:
    """Nobody could say `start` again; by name it is stopped all the same."""
    async with desk(tmp_path) as it:
        sleeping = Service(command=("sleep", "1000"))
        await it.stage.know(a=sleeping, bus=sleeping)
        spared = replace(it.commands, spared={"bus"})
        await spared.run("start", ["a", "bus"], key="1")
        await spared.run("stop", [], key="2")

        it.stage.drain()
        assert it.stage.subjects(ServiceStopped) == ["a"]
        await it.stage.supervisor.stop(["bus"])


async def test_a_command_taken_up_twice_is_one_change(tmp_path: Path) -> None:
    """The bus may die while it is done, and bring it again."""
    async with desk(tmp_path) as it:
        await it.commands.run("start", ["a"], key="0")
        async with create_task_group() as group:
            group.start_soon(partial(it.commands.run, "restart", ["a"], key="k"))
            await eventually(lambda: bool(it.commands.begun))
            group.cancel_scope.cancel()
        answer = await it.commands.run("restart", ["a"], key="k")

        assert answer.status == "done"
        titles = [each.document["title"] for each in (await it.records.find("changes")).items]
        assert titles == ["restart a", "start a"]


async def test_each_suite_answers_for_itself(tmp_path: Path) -> None:
    """Two on one bus get the same command; neither answer may pass for the other."""
    async with desk(tmp_path) as it:
        for suite in ("one", "two"):
            await replace(it.commands, suite=suite).run("stop", ["nosuch"], key="k")
        it.stage.drain()
        ids = {event.id for event in it.stage.seen if event.type == ControlAnswered.type}

        assert len(ids) == 2


async def test_an_answer_is_never_too_large_to_send(tmp_path: Path) -> None:
    """Whatever was asked."""
    async with desk(tmp_path) as it:
        one = await it.commands.run("stop", ["x" * 500_000] * 2, key="k")
        many = await it.commands.run("stop", ["x"] * 100_000, key="l")

        assert {one.status, many.status} == {"refused"}
        assert len(one.model_dump_json()) + len(many.model_dump_json()) < 50_000
