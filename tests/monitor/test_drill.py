"""A page for practice, over real channels."""

import time
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from anyio import sleep

from intertie.monitor.channels.port import ChannelError, Message
from intertie.monitor.drill import Around, drill
from intertie.monitor.rules import Rules
from intertie.monitor.sample import Matcher
from intertie.monitor.sender import Sender
from intertie.monitor.stages import Silence
from intertie.suite.monitoring import Monitoring

pytestmark = pytest.mark.anyio


class Inbox:
    """A channel that takes messages, or does not."""

    name = "ops"

    def __init__(self, *, is_broken: bool = False) -> None:
        self.told: list[Message] = []
        self._is_broken = is_broken

    async def send(self, message: Message) -> str:
        """See Channel."""
        if self._is_broken:
            raise ChannelError("the mailbox is full", retry=False)
        self.told.append(message)
        return "taken"


def around(channel: Inbox, *silences: Silence, **told: Any) -> Around:
    """A suite that tells by one channel."""
    config = Monitoring.model_validate(
        {
            "alerts": {"group_by": "service", "evaluation_interval": "10m"},
            "channels": {"ops": {"kind": "webhook", "url": "http://127.0.0.1:9/"}},
            "alert_integration": {"channels": "ops", **told},
        }
    )

    def now() -> datetime:
        return datetime.now(UTC)

    rng = Random(1)  # noqa: S311 — spreads tries
    sender = Sender({"ops": channel}, fallback=(), sleep=sleep, now=now, rng=rng)
    return Around(config, Rules(), sender, silences, now, time.monotonic)


async def test_people_are_told_of_a_test_and_of_its_end() -> None:
    """By its name, however alerts are grouped, and with the severity that was asked for."""
    inbox = Inbox()

    found = await drill(around(inbox), severity="critical", within_s=20)

    assert found.ok
    assert [(each.title, each.kind, each.severity) for each in inbox.told] == [
        ("TEST_Drill", "firing", "critical"),
        ("TEST_Drill", "resolved", "critical"),
    ]
    assert [(each.channel, each.ok, each.answer) for each in found.pages] == [
        ("ops", True, "taken")
    ]
    assert [each.ok for each in found.ended] == [True]


async def test_a_channel_that_gives_up_fails_the_drill() -> None:
    """With its reason; nobody waits for an end that is not told."""
    found = await drill(
        around(Inbox(is_broken=True), resolved=False), severity="warning", within_s=20
    )

    assert not found.ok
    assert [each.answer for each in found.pages] == ["the mailbox is full"]
    assert found.ended == ()


async def test_what_is_silenced_is_not_told() -> None:
    """As a real alert would not be; nobody waits for what cannot come."""
    now = datetime.now(UTC)
    silence = Silence(
        "1",
        (Matcher("severity", "=", "warning"),),
        now - timedelta(hours=1),
        now + timedelta(hours=1),
        created_by="ann",
        comment="nights",
    )
    inbox = Inbox()

    found = await drill(around(inbox, silence), severity="warning", within_s=3600)

    assert not found.ok
    assert found.took_s is None
    assert "silence 1 by ann" in found.held[0]
    assert inbox.told == []
