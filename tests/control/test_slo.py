"""How promises stand, who may see which, and what is said where there are none."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intertie.control.actor import Actor, Reach
from intertie.control.slo import Promised, SloControl
from intertie.errors import AccessDeniedError, IntertieError, NotFoundError
from intertie.monitor.duck import DuckStore
from intertie.monitor.sample import Sample, Series
from intertie.monitor.slo import ERROR_RATIO, GOOD, TOTAL
from intertie.suite.slo import Slo

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
READER = Actor("ann", may_read=True, may_write=False)
OF_ACME = Actor("dee", may_read=True, may_write=False, reach=Reach(tenant="acme"))
STRANGER = Actor("eve", may_read=False, may_write=False)
SLOS = {
    "web": Slo.model_validate({"service": "web", "objective": "99%", "window": "7d"}),
    "acme": Slo.model_validate({"tenant": "acme", "objective": "100%"}),
}


@pytest.fixture
async def control(tmp_path: Path) -> AsyncIterator[SloControl]:
    """Ten days on each of whose hours two of a hundred failed until three days ago."""
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        good = 0.0
        for hour in range(240, -1, -1):
            good += 98.0 if hour > 72 else 100.0
            at = NOW - timedelta(hours=hour)
            kept = [
                Sample(Series.of(metric, {"slo": name}), value)
                for name in SLOS
                for metric, value in ((GOOD, good), (TOTAL, 100.0 * (241 - hour)))
            ]
            await store.append(_ms(at), kept)
        ratios = [
            Sample(Series.of(ERROR_RATIO, {"slo": name, "window": window}), ratio)
            for name in SLOS
            for window, ratio in (("1h", 0.02), ("30m", 0.0), ("6h", 0.01), ("5m", 0.05))
        ]
        await store.append(_ms(NOW - timedelta(minutes=1)), ratios)
        yield SloControl(lambda: Promised(SLOS, store, store), lambda: NOW)


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


async def test_an_objective_stands_over_its_window(control: SloControl) -> None:
    """From whole hours on; budget, and how fast it burns, the shortest window first."""
    _, web = await control.standing(READER)

    assert web.since == datetime(2026, 11, 13, 12, tzinfo=UTC)
    assert (web.total, web.good) == (16900, 16900 - 2 * 96)
    assert web.achieved == pytest.approx(100 * 16708 / 16900)
    assert (web.met, web.allowed, web.left) == (False, 169, -23)
    assert web.used_share == pytest.approx(192 / 169)
    assert [each.window for each in web.burning] == ["5m", "30m", "1h", "6h"]
    assert [each.rate for each in web.burning] == pytest.approx([5, 0, 2, 1])
    assert web.alerts == ("SloBurnFast_web", "SloBurnSlow_web")


async def test_without_a_budget_there_is_no_rate(control: SloControl) -> None:
    """Unless nothing is bad."""
    acme, _ = await control.standing(READER)

    assert (acme.allowed, acme.used_share) == (0, None)
    assert [each.rate for each in acme.burning] == [None, 0, None, None]


async def test_a_tenant_sees_its_own(control: SloControl) -> None:
    """In what stands and in reports."""
    assert [each.name for each in await control.standing(OF_ACME)] == ["acme"]
    report = await control.report(OF_ACME, "2026-11")
    text, _ = await control.page(OF_ACME, "2026-11")

    assert [each.name for each in report.objectives] == ["acme"]
    assert "web" not in text


async def test_a_report_is_of_this_month_unless_told(control: SloControl) -> None:
    """As data, and as a page with the policy it needs."""
    report = await control.report(READER, None)
    text, policy = await control.page(READER, None)

    assert (report.month, report.complete) == ("2026-11", False)
    assert "Objectives of 2026-11" in text
    assert policy.startswith("default-src 'none'")
    with pytest.raises(IntertieError, match="such as 2026-11"):
        await control.report(READER, "november")


async def test_a_suite_that_is_not_monitored_says_what_to_write() -> None:
    """Whatever is asked."""
    with pytest.raises(NotFoundError, match=r"monitoring\.slo"):
        await SloControl().standing(READER)
    with pytest.raises(NotFoundError, match=r"monitoring\.slo"):
        await SloControl().report(READER, None)


async def test_who_may_not_read_learns_nothing(control: SloControl) -> None:
    """Not even the names."""
    with pytest.raises(AccessDeniedError):
        await control.standing(STRANGER)
    with pytest.raises(AccessDeniedError):
        await control.page(STRANGER, None)
