"""Alerting as a whole, in virtual time, over a real desk."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from anyio import create_task_group, lowlevel

from intertie.event import AlertFiring, AlertResolved, Payload
from intertie.monitor.alerting import Alerting
from intertie.monitor.channels.port import ChannelError, Message
from intertie.monitor.desk import AlertDesk
from intertie.monitor.ring import Ring
from intertie.monitor.rules import rules_of
from intertie.monitor.sample import Sample, Series
from intertie.monitor.sender import Sender
from intertie.suite.monitoring import Monitoring
from intertie.trace_context import Piece
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
RULES = {"rules": {"Hot": {"expr": "heat > 5", "for": "1m"}}}
CONFIG = {
    "channels": {
        "page": {"kind": "webhook", "url": "http://127.0.0.1"},
        "mail": {"kind": "webhook", "url": "http://127.0.0.1"},
    },
}


@dataclass
class Recorder:
    """A channel that a test looks into."""

    name: str
    fails: bool = False
    told: list[Message] = field(default_factory=list)

    async def send(self, message: Message) -> str:
        """Take it, or not."""
        if self.fails:
            raise ChannelError("cannot tell: nobody is there", retry=False)
        self.told.append(message)
        return "taken"


@dataclass
class Stage:
    """Everything but the clock, which a test moves."""

    alerting: Alerting
    desk: AlertDesk
    ring: Ring
    page: Recorder
    mail: Recorder
    events: list[Payload]
    elapsed: timedelta = timedelta()

    def now(self) -> datetime:
        """What time it is."""
        return BEGAN + self.elapsed

    async def measure(self, heat: float, *, after: timedelta) -> None:
        """A sample, and a look at the rules."""
        self.elapsed += after
        at_ms = round(self.now().timestamp() * 1000)
        self.ring.append(at_ms, [Sample(Series.of("heat", {"room": "a"}), heat)])
        await self.alerting.evaluate(at_ms)


@asynccontextmanager
async def staged(
    path: Path, *, fallback: str | None = None, alerts: Mapping[str, object] | None = None
) -> AsyncIterator[Stage]:
    """Alerting with two channels."""
    told = {"channels": "page", "fallback": fallback or ()}
    rules = {**RULES, **(alerts or {})}
    config = Monitoring.model_validate({**CONFIG, "alerts": rules, "alert_integration": told})
    page, mail, ring = Recorder("page"), Recorder("mail"), Ring()
    events: list[Payload] = []
    made: list[Stage] = []

    def now() -> datetime:
        return made[0].now() if made else BEGAN

    async with AlertDesk.open(path) as desk:
        sender = Sender(
            {"page": page, "mail": mail},
            fallback=(fallback,) if fallback else (),
            sleep=lambda _: lowlevel.checkpoint(),
            now=now,
            rng=Random(1),  # noqa: S311 — not a secret
        )
        alerting = Alerting(
            config,
            rules_of(config.alerts),
            source=ring,
            desk=desk,
            sender=sender,
            publish=lambda payload, _: events.append(payload),
            now=now,
        )
        await alerting.restore()
        made.append(Stage(alerting, desk, ring, page, mail, events))
        async with create_task_group() as group:
            await group.start(alerting.run)
            yield made[0]
            group.cancel_scope.cancel()


def kinds(told: Sequence[Message]) -> list[str]:
    """Of messages."""
    return [each.kind for each in told]


async def test_what_fires_is_told_after_its_time_and_so_is_its_end(tmp_path: Path) -> None:
    """Pending first; an event for each, and a row in the ledger."""
    async with staged(tmp_path / "a.db") as stage:
        await stage.measure(9, after=timedelta())
        [(_, pending)] = stage.alerting.standing("Hot")
        await stage.measure(9, after=timedelta(minutes=1))
        await eventually(lambda: kinds(stage.page.told) == ["firing"])
        await stage.measure(1, after=timedelta(minutes=1))
        await eventually(lambda: kinds(stage.page.told) == ["firing", "resolved"])
        await eventually(lambda: not stage.alerting.is_sending)
        rows = await stage.desk.notices()

    assert pending == "pending"
    assert stage.page.told[0].alerts[0].labels["room"] == "a"
    assert [type(each) for each in stage.events] == [AlertFiring, AlertResolved]
    assert [each.status for each in rows] == ["sent", "sent"]


async def test_a_channel_that_gives_up_hands_over(tmp_path: Path) -> None:
    """The other is told in its place, and the ledger says why."""
    async with staged(tmp_path / "a.db", fallback="mail") as stage:
        stage.page.fails = True
        await stage.measure(9, after=timedelta())
        await stage.measure(9, after=timedelta(minutes=1))
        await eventually(lambda: kinds(stage.mail.told) == ["firing"])
        await eventually(lambda: not stage.alerting.is_sending)
        rows = {each.channel: each for each in await stage.desk.notices()}

    assert kinds(stage.mail.told) == ["firing"]
    assert (rows["page"].status, rows["mail"].status) == ("given_up", "sent")
    assert "nobody is there" in rows["page"].answer


async def test_a_restart_neither_forgets_nor_repeats(tmp_path: Path) -> None:
    """What was told is not told again; its end is."""
    async with staged(tmp_path / "a.db") as stage:
        await stage.measure(9, after=timedelta())
        await stage.measure(9, after=timedelta(minutes=1))
        await eventually(lambda: kinds(stage.page.told) == ["firing"])
        await eventually(lambda: not stage.alerting.is_sending)
    async with staged(tmp_path / "a.db") as stage:
        before = [each.labels["alertname"] for each in stage.alerting.alerts]
        stage.elapsed = timedelta(minutes=1)
        await stage.measure(9, after=timedelta(minutes=1))
        await stage.measure(1, after=timedelta(minutes=1))
        await eventually(lambda: kinds(stage.page.told) == ["resolved"])

    assert before == ["Hot"]
    assert [type(each) for each in stage.events] == [AlertResolved]


async def test_rules_are_looked_at_no_oftener_than_the_suite_says(tmp_path: Path) -> None:
    """`evaluation_interval`, where samples come more often."""
    async with staged(tmp_path / "a.db", alerts={"evaluation_interval": "1m"}) as stage:
        await stage.measure(9, after=timedelta(seconds=1))
        first_ms = stage.alerting.evaluated_ms["Hot"]
        await stage.measure(9, after=timedelta(seconds=1))
        still_ms = stage.alerting.evaluated_ms["Hot"]
        await stage.measure(9, after=timedelta(seconds=59))

        assert still_ms == first_ms
        assert stage.alerting.evaluated_ms["Hot"] == first_ms + 60_000


async def test_all_that_is_told_of_an_alert_has_its_trace(tmp_path: Path) -> None:
    """That of the look that made it fire, also its end; looks that change nothing are not kept."""
    kept: list[Piece] = []
    async with staged(tmp_path / "a.db") as stage:
        stage.alerting.tracer.rate, stage.alerting.tracer.keep = 1.0, kept.append
        await stage.measure(1, after=timedelta())
        await stage.measure(9, after=timedelta())
        await stage.measure(9, after=timedelta(minutes=1))
        await eventually(lambda: kinds(stage.page.told) == ["firing"])
        await stage.measure(1, after=timedelta(minutes=1))
        await eventually(lambda: kinds(stage.page.told) == ["firing", "resolved"])
        await eventually(lambda: not stage.alerting.is_sending)
        firing = stage.page.told[0]

    _, fires, *sent = [each for each in kept if each.name in {"evaluate alerts", "send notice"}]
    assert {each.trace_id for each in stage.page.told} == {fires.context.trace_text}
    assert firing.trace == fires.context.traceparent
    assert fires.fields == {"intertie.transitions": 1}
    first = next(each for each in sent if each.name == "send notice")
    assert (first.kind, first.context.parent) == ("client", fires.context.span_id)
    assert [each.name for each in kept].count("evaluate alerts") == 3
