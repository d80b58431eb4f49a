"""Heartbeats go out while monitoring works, and only then."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
import pytest
from anyio import create_task_group

from intertie.errors import IntertieError
from intertie.monitor.channels.webhook import SIGNATURE
from intertie.monitor.heartbeat import opened
from intertie.monitor.heartbeat_send import Means, Pulse
from intertie.suite.heartbeats import Send
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECRET = "0123456789abcdef"
SIGNED = Send(url="http://other/api/monitoring/heartbeats/partner", every=2, secret="${secret:s}")
PLAIN = Send(url="http://pings/check/6c7a9f0e-secret", every=2, method="GET")


@dataclass
class Site:
    """Other sides, as this one sees them."""

    status: int = 204
    trouble: str = ""
    seen: list[httpx.Request] = field(default_factory=list[httpx.Request])
    pulse: Pulse = field(init=False)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """As told."""
        self.seen.append(request)
        if self.status == 0:
            raise httpx.ConnectError(f"no way to {request.url}")
        return httpx.Response(self.status)

    def tick(self, second: int) -> None:
        """Kept and evaluated."""
        self.pulse.kept(second * 1000)
        self.pulse.evaluated(second * 1000)

    async def until(self, holds: Callable[[], bool]) -> None:
        """It comes to be so."""
        await eventually(holds)


@asynccontextmanager
async def site(*sends: Send, secret: str = SECRET) -> AsyncIterator[Site]:
    """Running; receivers are called `0`, `1` and so on."""
    made = Site()

    def resolve(text: str) -> str:
        if text == "${secret:s}" and not secret:
            raise IntertieError("cannot read secret 's': it is not there")
        return secret if text == "${secret:s}" else text

    async with httpx.AsyncClient(transport=httpx.MockTransport(made.answer)) as client:
        means = Means(client, resolve, lambda: NOW, lambda: made.trouble)
        made.pulse = Pulse({str(n): each for n, each in enumerate(sends)}, "shop", means)
        async with create_task_group() as group:
            await group.start(made.pulse.run)
            yield made
            group.cancel_scope.cancel()


async def test_a_tick_that_was_kept_and_evaluated_sends_one() -> None:
    """Signed for the name at the end of the address; then not before `every` has passed."""
    async with site(SIGNED) as it:
        it.tick(10)
        await it.until(lambda: it.pulse.sent["0"].count == 1)
        it.tick(11)
        it.tick(12)
        await it.until(lambda: it.pulse.sent["0"].count == 2)

    data, header = it.seen[0].content, it.seen[0].headers[SIGNATURE]
    beat = opened(data, header, name="partner", secret=SECRET, now=NOW)
    assert (beat.suite, beat.every_s) == ("shop", 2)
    assert len(it.seen) == 2
    assert it.pulse.sent["0"].sent_at == NOW


async def test_nothing_is_sent_when_samples_are_not_kept_or_rules_not_evaluated() -> None:
    """Each alone is not enough; a store that lags behind is none."""
    async with site(SIGNED) as it:
        it.pulse.kept(10_000)
        it.pulse.evaluated(12_000)
        it.pulse.kept(11_000)
        it.pulse.evaluated(14_000)
        it.tick(16)
        await it.until(lambda: it.pulse.sent["0"].count == 1)

    assert len(it.seen) == 1


async def test_nothing_is_sent_while_something_is_wrong() -> None:
    """And that is told; it goes on when it is over."""
    async with site(SIGNED) as it:
        it.trouble = "no channel works"
        it.tick(10)
        await it.until(lambda: it.pulse.held == "no channel works")
        it.trouble = ""
        it.tick(11)
        await it.until(lambda: it.pulse.sent["0"].count == 1)

    assert it.pulse.held == ""
    assert len(it.seen) == 1


async def test_a_plain_one_has_no_body_and_no_signature() -> None:
    """As services that wait for pings want it."""
    async with site(PLAIN) as it:
        it.tick(10)
        await it.until(lambda: it.pulse.sent["0"].count == 1)

    assert (it.seen[0].method, it.seen[0].content) == ("GET", b"")
    assert SIGNATURE not in it.seen[0].headers


@pytest.mark.parametrize("status", [0, 302, 401, 500])
async def test_a_receiver_that_fails_is_tried_again_at_the_next_tick(status: int) -> None:
    """Told without its address, which may be a secret."""
    async with site(PLAIN, SIGNED) as it:
        it.status = status
        it.tick(10)
        await it.until(lambda: all(each.trouble for each in it.pulse.sent.values()))
        told = it.pulse.sent["0"].trouble
        it.status = 200
        it.tick(11)
        await it.until(lambda: all(each.count == 1 for each in it.pulse.sent.values()))

    assert "cannot send heartbeat '0': " in told
    assert "6c7a9f0e" not in told
    assert it.pulse.sent["0"].trouble == ""


async def test_a_secret_that_is_not_there_is_told() -> None:
    """Nothing unsigned goes out in its place."""
    async with site(SIGNED, secret="") as it:
        it.tick(10)
        await it.until(lambda: "cannot read secret" in it.pulse.sent["0"].trouble)

    assert it.seen == []
