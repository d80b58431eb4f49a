"""How long nobody was heard, over restarts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intertie.errors import AccessDeniedError, ConflictError, NotFoundError
from intertie.monitor.channels.webhook import SIGNATURE
from intertie.monitor.heartbeat import Beat, packed
from intertie.monitor.heartbeat_book import HeartbeatBook
from intertie.monitor.heartbeat_listen import Clocks, Listener
from intertie.suite.heartbeats import Expect

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECRET = "0123456789abcdef"
EXPECTED = {"partner": Expect(within=60, secret="${secret:pair}")}


@dataclass
class Clock:
    """Seconds since noon."""

    at_s: float = 0.0

    def clocks(self) -> Clocks:
        """Both of them."""
        return Clocks(lambda: NOW + timedelta(seconds=self.at_s), lambda: self.at_s)


@asynccontextmanager
async def listening(folder: Path, clock: Clock) -> AsyncIterator[Listener]:
    """Opened anew, as after a restart."""
    async with HeartbeatBook.open(folder / "heartbeats.db") as book:
        made = Listener(EXPECTED, book, resolve=lambda _: SECRET, clocks=clock.clocks())
        await made.restore()
        yield made


def beat(at_s: float, name: str = "partner") -> tuple[bytes, str]:
    """One made then, and its header."""
    made = Beat(suite="shop", name=name, at=NOW + timedelta(seconds=at_s), every_s=10)
    data, headers = packed(made, SECRET)
    return data, headers[SIGNATURE]


async def silence(listener: Listener) -> float:
    """As it is measured now."""
    [sample] = await listener.collect(0)
    assert dict(sample.series.labels) == {"heartbeat": "partner"}
    return sample.value


async def test_silence_counts_from_the_start_and_from_each_heartbeat(tmp_path: Path) -> None:
    """Who never came is missed as well."""
    clock = Clock()
    async with listening(tmp_path, clock) as listener:
        clock.at_s = 61
        never = await silence(listener)
        missing = listener.is_missing("partner", listener.known["partner"])
        await listener.take("partner", *beat(61))
        clock.at_s = 66
        after = await silence(listener)

        assert (never, missing, after) == (61, True, 5)
        assert not listener.is_missing("partner", listener.known["partner"])


async def test_time_that_this_suite_was_down_itself_is_no_silence(tmp_path: Path) -> None:
    """But what it heard before is added to what it hears after, so restarting hides nobody."""
    clock = Clock()
    async with listening(tmp_path, clock) as listener:
        await listener.take("partner", *beat(0))
        clock.at_s = 40
        await silence(listener)
    clock.at_s = 1000
    async with listening(tmp_path, clock) as listener:
        begins = await silence(listener)
        clock.at_s = 1021
        ends = await silence(listener)

    assert (begins, ends) == (40, 61)


async def test_who_was_missing_is_missing_after_a_crash(tmp_path: Path) -> None:
    """It is written down in the moment it is found out."""
    clock = Clock()
    async with listening(tmp_path, clock) as listener:
        clock.at_s = 59
        await silence(listener)
        clock.at_s = 61
        await silence(listener)
    async with listening(tmp_path, clock) as listener:
        assert await silence(listener) == 61


async def test_a_copy_is_refused_before_and_after_a_restart(tmp_path: Path) -> None:
    """So is one that a newer one has overtaken."""
    clock = Clock(10)
    async with listening(tmp_path, clock) as listener:
        await listener.take("partner", *beat(5))
        with pytest.raises(ConflictError, match="it or a newer one came before"):
            await listener.take("partner", *beat(5))
        with pytest.raises(ConflictError):
            await listener.take("partner", *beat(4))
    async with listening(tmp_path, clock) as listener:
        with pytest.raises(ConflictError):
            await listener.take("partner", *beat(5))
        await listener.take("partner", *beat(6))
        assert listener.known["partner"].count == 2


async def test_who_is_not_expected_or_not_known_is_refused(tmp_path: Path) -> None:
    """And changes nothing."""
    async with listening(tmp_path, Clock()) as listener:
        with pytest.raises(NotFoundError, match="none of that name expected"):
            await listener.take("other", *beat(0, "other"))
        with pytest.raises(AccessDeniedError):
            await listener.take("partner", beat(0)[0], "t=1,v1=" + "0" * 64)
        assert listener.known["partner"].count == 0
