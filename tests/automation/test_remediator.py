"""The remediator, over a ledger and ports of its own."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest
from anyio import Event, create_task_group

from intertie.automation.remediation import Entry, Firing, Site
from intertie.automation.remediation_ledger import RemediationLedger
from intertie.automation.remediator import Remediator
from intertie.errors import ConflictError, IntertieError, NotFoundError
from intertie.runtime.component import Status
from intertie.suite.remediation import AlertRemediation, RemediationRule
from tests.automation.alarm import NOON, SITE, at, config, entry, firing
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


@dataclass
class World:
    """A suite that does as the test says."""

    rules: AlertRemediation | None = field(default_factory=config)
    firing: list[Firing] | None = field(default_factory=list[Firing])
    failure: str = ""
    over: Event | None = None
    """An action takes until this is set."""
    told: list[str] = field(default_factory=list[str])
    now_s: float = 0

    def config(self) -> AlertRemediation | None:
        """See Ports."""
        return self.rules

    def alerts(self) -> Sequence[Firing] | None:
        """See Ports."""
        return self.firing

    async def site(self) -> Site:
        """See Ports."""
        return SITE

    async def begin(self, entry: Entry, rule: RemediationRule) -> str:
        """See Ports."""
        return f"change-{entry.id}"

    async def finish(self, change: str, timeout_s: float) -> None:
        """See Ports."""
        if self.over is not None:
            await self.over.wait()
        if self.failure:
            raise IntertieError(self.failure)

    async def tell(self, entry: Entry) -> None:
        """See Ports."""
        self.told.append(entry.status)


@asynccontextmanager
async def running(world: World, path: Path | None = None) -> AsyncIterator[Remediator]:
    """It looks whenever it is told to."""
    async with RemediationLedger.open(path) as ledger, create_task_group() as group:
        made = Remediator(ledger, world, now=lambda: NOON + timedelta(seconds=world.now_s))
        assert made.health().status is Status.DOWN
        await group.start(made.run)
        yield made
        group.cancel_scope.cancel()


async def until_told(world: World, it: Remediator, *statuses: str) -> None:
    """These, in this order, and nothing else."""
    it.look_again()
    await eventually(lambda: len(world.told) >= len(statuses))
    assert world.told == list(statuses)


async def test_an_alert_is_answered_and_its_end_is_noticed() -> None:
    """Each move is told and written down."""
    world = World(firing=[firing()])
    async with running(world) as it:
        await until_told(world, it, "doing", "waiting")
        world.firing, world.now_s = [], 5
        await until_told(world, it, "doing", "waiting", "recovered")

        [found] = await it.ledger.newest()
        assert (found.status, found.change, found.ended_at) == ("recovered", "change-1", at(5))
        assert it.health().status is Status.UP


async def test_nothing_is_done_before_alerts_are_known() -> None:
    """Or when the suite does not say what."""
    for world in (World(firing=None), World(rules=None, firing=[firing()])):
        async with running(world) as it:
            it.look_again()
            with pytest.raises(ConflictError):
                await it.approve(1, "ada")
            assert await it.ledger.newest() == []


async def test_an_action_that_fails_is_an_attempt_and_in_the_end_a_person_must_act() -> None:
    """Health tells it until the alert is over."""
    rules = config({"max_attempts": 1})
    world = World(rules=rules, firing=[firing()], failure="no such luck")
    async with running(world) as it:
        await until_told(world, it, "doing", "failed", "given_up")

        assert (await it.ledger.newest())[0].why == "no such luck"
        assert it.health().status is Status.DEGRADED
        assert it.health().reason == "remediation gave up: up of web"
        world.firing = []
        it.look_again()
        await eventually(lambda: it.health().status is Status.UP)


async def test_what_a_dead_process_was_doing_is_told_and_counted(tmp_path: Path) -> None:
    """And what waited goes on waiting."""
    async with RemediationLedger.open(tmp_path / "r.db") as ledger:
        cut = replace(entry("doing"), id=0)
        waits = replace(entry("waiting", service="mail"), id=0, deadline=at(500))
        await ledger.write([cut, waits])
    world = World(firing=[firing(), firing("mail")], now_s=1)
    async with running(world, tmp_path / "r.db") as it:
        await until_told(world, it, "interrupted")
        world.now_s = 30
        await until_told(world, it, "interrupted", "doing", "waiting")

        assert [(e.status, e.attempt) for e in await it.ledger.newest()] == [
            ("interrupted", 1),
            ("waiting", 1),
            ("waiting", 2),
        ]


async def test_a_proposal_is_done_once_it_is_approved() -> None:
    """By somebody; it is not there to be declined then."""
    world = World(rules=config(mode="approve"), firing=[firing()])
    async with running(world) as it:
        await until_told(world, it, "proposed")

        assert (await it.approve(1, "ada")).by == "ada"

        await until_told(world, it, "proposed", "doing", "waiting")
        with pytest.raises(ConflictError, match="it is waiting"):
            await it.decline(1, "bob")
        with pytest.raises(NotFoundError):
            await it.approve(9, "bob")


async def test_a_declined_proposal_is_not_done() -> None:
    """It is told who did not want it."""
    world = World(rules=config(mode="approve"), firing=[firing()])
    async with running(world) as it:
        await until_told(world, it, "proposed")

        assert (await it.decline(1, "ada")).status == "declined"

        await until_told(world, it, "proposed", "declined")
        with pytest.raises(ConflictError, match="it is declined"):
            await it.approve(1, "bob")


async def test_two_who_approve_at_once_do_it_once() -> None:
    """One of them is told that it is done already."""
    world = World(rules=config(mode="approve"), firing=[firing()], over=Event())
    async with running(world) as it:
        await until_told(world, it, "proposed")
        refused: list[str] = []

        async def approve(name: str) -> None:
            try:
                await it.approve(1, name)
            except ConflictError as exc:
                refused.append(str(exc))

        async with create_task_group() as group:
            group.start_soon(approve, "ada")
            group.start_soon(approve, "bob")

        assert refused == ["cannot approve 1: it is doing"]


async def test_old_entries_are_known_when_somebody_asks() -> None:
    """What became of them is told; they are not taken for unknown."""
    world = World(rules=config(mode="approve", budget={"window": 60}), firing=[firing()])
    async with running(world) as it:
        await until_told(world, it, "proposed")
        world.firing, world.now_s = [], 5
        await until_told(world, it, "proposed", "withdrawn")
        world.now_s = 100_000
        it.look_again()

        with pytest.raises(ConflictError, match="it is withdrawn"):
            await it.approve(1, "ada")
