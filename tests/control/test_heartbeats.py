"""Heartbeats as they are shown, and who may see that."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from intertie.control.actor import Actor
from intertie.control.heartbeats import Beats, HeartbeatControl
from intertie.errors import AccessDeniedError, NotFoundError
from intertie.monitor.heartbeat import Beat, packed
from intertie.monitor.heartbeat_book import HeartbeatBook
from intertie.monitor.heartbeat_listen import Clocks, Listener
from intertie.monitor.heartbeat_send import Means, Pulse
from intertie.suite.heartbeats import Expect, Send

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECRET = "0123456789abcdef"
READER = Actor("ann", may_read=True, may_write=False)
STRANGER = Actor("eve", may_read=False, may_write=False)
EXPECTED = {"partner": Expect(within=60, secret="${secret:pair}")}
SENT = {"pings": Send(url="http://127.0.0.1/ping-secret")}


@pytest.fixture
async def beats(tmp_path: Path) -> AsyncIterator[Beats]:
    """One expected, one sent."""
    passed = iter(range(0, 1000, 25))
    clocks = Clocks(lambda: NOW, lambda: float(next(passed)))
    async with (
        HeartbeatBook.open(tmp_path / "heartbeats.db") as book,
        httpx.AsyncClient() as client,
    ):
        listener = Listener(EXPECTED, book, resolve=lambda _: SECRET, clocks=clocks)
        pulse = Pulse(SENT, "shop", Means(client, str, lambda: NOW, lambda: ""))
        yield Beats(listener, pulse)


async def test_who_sends_is_shown_with_how_long_ago(beats: Beats) -> None:
    """First nobody came, then one did, then it stays away."""
    control = HeartbeatControl(lambda: beats)
    beat = Beat(suite="other", name="partner", at=NOW, every_s=10)
    waiting = control.list(READER)
    await control.take("partner", *packed(beat, SECRET))
    shown = [control.list(READER).expected[0] for _ in range(3)]

    assert [each.state for each in waiting.expected] == ["waiting"]
    assert [each.state for each in shown] == ["heard", "heard", "missing"]
    assert (shown[0].suite, shown[0].heard_at, shown[0].count) == ("other", NOW, 1)
    assert shown[2].alert == "HeartbeatMissing_partner"
    assert (waiting.sent[0].name, waiting.sent[0].signed, waiting.held) == ("pings", False, "")
    assert "ping-secret" not in str(waiting)


async def test_who_may_not_read_learns_nothing(beats: Beats) -> None:
    """Whether there are any or not."""
    with pytest.raises(AccessDeniedError):
        HeartbeatControl(lambda: beats).list(STRANGER)
    with pytest.raises(AccessDeniedError):
        HeartbeatControl().list(STRANGER)


async def test_a_suite_without_monitoring_says_what_to_write() -> None:
    """To whoever asks, and to whoever sends."""
    with pytest.raises(NotFoundError, match=r"add `monitoring: \{\}`"):
        HeartbeatControl().list(READER)
    with pytest.raises(NotFoundError, match=r"add `monitoring: \{\}`"):
        await HeartbeatControl().take("partner", b"", {})
