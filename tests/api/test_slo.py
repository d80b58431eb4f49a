"""Routes of what is promised, over a store that holds what was kept."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from intertie.api.rest import create_app
from intertie.control.slo import Promised, SloControl
from intertie.control.use_cases import Control
from intertie.monitor.duck import DuckStore
from intertie.monitor.sample import Sample, Series
from intertie.monitor.slo import GOOD, TOTAL
from intertie.suite.slo import Slo

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 3, 12, 30, tzinfo=UTC)
SLOS = {"<web>": Slo.model_validate({"service": "web", "objective": "99%"})}


@pytest.fixture
async def api(control: Control, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a suite that kept 98 of 100 promises an hour."""
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        for hour in range(49):
            at_ms = round((NOW - timedelta(hours=48 - hour)).timestamp() * 1000)
            counts = ((GOOD, 98.0 * hour), (TOTAL, 100.0 * hour))
            kept = [Sample(Series.of(name, {"slo": "<web>"}), value) for name, value in counts]
            await store.append(at_ms, kept)
        slo = SloControl(lambda: Promised(SLOS, store, store), lambda: NOW)
        transport = httpx.ASGITransport(create_app(replace(control, slo=slo)))
        async with httpx.AsyncClient(transport=transport, base_url="http://suite") as client:
            yield client


async def test_objectives_are_told_as_they_stand(api: httpx.AsyncClient) -> None:
    """With their budgets."""
    (web,) = (await api.get("/api/slo")).json()

    assert (web["name"], web["achieved"], web["met"]) == ("<web>", 98.0, False)
    assert (web["allowed"], web["left"], web["used_share"]) == (48.0, -48.0, 2.0)


async def test_a_report_is_json_or_a_page(api: httpx.AsyncClient) -> None:
    """Of a month, or of this one; the page may load nothing."""
    plain = (await api.get("/api/slo/report", params={"month": "2026-11"})).json()
    latest = (await api.get("/api/slo/report")).json()
    page = await api.get("/api/slo/report", params={"format": "html"})

    assert plain == latest
    assert [day["total"] for day in plain["objectives"][0]["days"]] == [1100, 2400, 1300]
    assert plain["objectives"][0]["evidence"]["samples"] == 49
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "&lt;web&gt;" in page.text
    assert "<web>" not in page.text


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({"month": "2026-13"}, 422),
        ({"format": "pdf"}, 422),
        ({"month": ""}, 422),
        ({"month": "2099-01"}, 404),
    ],
)
async def test_what_is_no_report_is_refused(
    api: httpx.AsyncClient, asked: dict[str, str], status: int
) -> None:
    """Of a month to come there is none yet."""
    assert (await api.get("/api/slo/report", params=asked)).status_code == status


async def test_a_suite_that_promises_nothing_can_be_told_so(control: Control) -> None:
    """With what to write."""
    transport = httpx.ASGITransport(create_app(replace(control, slo=SloControl())))
    async with httpx.AsyncClient(transport=transport, base_url="http://suite") as client:
        answer = await client.get("/api/slo")

    assert answer.status_code == 404
    assert "monitoring.slo" in answer.text
