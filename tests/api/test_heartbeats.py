"""Routes of heartbeats and of who is on call."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from intertie.api.rest import create_app
from intertie.control.heartbeats import Beats, HeartbeatControl
from intertie.control.on_call import OnCallControl
from intertie.control.use_cases import Control
from intertie.monitor.heartbeat import Beat, packed
from intertie.monitor.heartbeat_book import HeartbeatBook
from intertie.monitor.heartbeat_listen import Clocks, Listener
from intertie.monitor.heartbeat_send import Means, Pulse
from intertie.suite.heartbeats import Expect
from tests.control.alarms import NOW, alarms

pytestmark = pytest.mark.anyio

SECRET = "0123456789abcdef"
EXPECTED = {"partner": Expect(within=60, secret="${secret:pair}")}


@pytest.fixture
async def api(control: Control, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a suite that expects a partner's heartbeats and has a rota."""
    clocks = Clocks(lambda: NOW, lambda: 0.0)
    async with (
        HeartbeatBook.open(tmp_path / "heartbeats.db") as book,
        alarms(tmp_path, 1) as found,
        httpx.AsyncClient() as out,
    ):
        listener = Listener(EXPECTED, book, resolve=lambda _: SECRET, clocks=clocks)
        beats = Beats(listener, Pulse({}, "shop", Means(out, str, lambda: NOW, lambda: "")))
        use_cases = replace(
            control,
            heartbeats=HeartbeatControl(lambda: beats),
            on_call=OnCallControl(lambda: found, lambda: NOW),
        )
        transport = httpx.ASGITransport(create_app(use_cases))
        async with httpx.AsyncClient(transport=transport, base_url="http://suite") as client:
            yield client


async def test_a_signature_is_the_only_key(api: httpx.AsyncClient) -> None:
    """Once for each heartbeat; what is too large is not read."""
    beat = Beat(suite="other", name="partner", at=NOW, every_s=10)
    data, headers = packed(beat, SECRET)
    path = "/api/monitoring/heartbeats/partner"

    taken = await api.post(path, content=data, headers=headers)
    again = await api.post(path, content=data, headers=headers)
    forged = await api.post(path, content=data, headers={**headers, "X-Intertie-Signature": "x"})
    bare = await api.post(path, content=data)
    unknown = await api.post(f"{path}s", content=data, headers=headers)
    large = await api.post(path, content=b" " * 4097, headers=headers)
    shown = (await api.get("/api/monitoring/heartbeats")).json()

    codes = [each.status_code for each in (taken, again, forged, bare, unknown, large)]
    assert codes == [204, 409, 401, 401, 404, 413]
    assert forged.json()["detail"].startswith("cannot take heartbeat 'partner': its header")
    assert (shown["expected"][0]["state"], shown["expected"][0]["count"]) == ("heard", 1)


async def test_who_is_on_call_is_asked_by_moment(api: httpx.AsyncClient) -> None:
    """With an offset or without one, which is UTC; a number is no moment."""
    path = "/api/alerts/on-call"
    now = (await api.get(path)).json()
    later = (await api.get(path, params={"at": "2026-07-06T07:00:00"})).json()
    wrong = await api.get(path, params={"at": "12"})
    far = await api.get(path, params={"at": "9999-12-31T23:59:59Z"})

    assert [each["person"] for each in (*now, *later)] == ["ann", "ben"]
    assert datetime.fromisoformat(later[0]["since"]) == datetime(2026, 7, 6, 7, tzinfo=UTC)
    assert wrong.status_code == 422
    assert far.status_code == 404


async def test_a_course_is_played_for_as_long_as_asked(api: httpx.AsyncClient) -> None:
    """Up to a month."""
    path = "/api/alerts/simulation/Full"
    short = (await api.get(path, params={"duration_s": 600})).json()
    long = await api.get(path, params={"duration_s": 32 * 86400})
    unknown = await api.get("/api/alerts/simulation/Empty")

    assert [each["kind"] for each in short["calls"]] == ["first", "repeat", "repeat"]
    assert long.status_code == 422
    assert unknown.status_code == 404
