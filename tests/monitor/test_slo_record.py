"""Counting as it happens: over restarts, through maintenance, and fast enough to be alarming."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from intertie.errors import IntertieError
from intertie.monitor.duck import DuckStore
from intertie.monitor.ring import Ring
from intertie.monitor.sample import Sample, Series
from intertie.monitor.series_text import parse_series
from intertie.monitor.slo_record import SloRecorder
from intertie.suite.monitoring import Mute
from intertie.suite.slo import Slo

pytestmark = pytest.mark.anyio

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
BEGIN = 20_000 * DAY
REQUESTS = "intertie_http_requests_total"
WEB = Slo.model_validate({"service": "web", "objective": "99%"})
NIGHT = Mute(schedule="0 3 * * *", duration=1800)


def hits(status: str, value: float) -> Sample:
    """Requests counted by the gateway."""
    return Sample(Series.of(REQUESTS, {"service": "web", "status": status}), value)


class Bed:
    """A ring with a recorder on it, looked at as the collector does."""

    def __init__(self, *, at_ms: int = BEGIN, **slos: Slo) -> None:
        self.ring = Ring()
        self.now_ms = at_ms
        self.recorder = SloRecorder(slos, self.ring, mute={"night": NIGHT})

    async def tick(self, *samples: Sample, step_ms: int = MINUTE) -> dict[str, float]:
        """One look a minute later: what is told of what came before, by its text."""
        self.now_ms += step_ms
        told = await self.recorder.collect(self.now_ms)
        self.ring.append(self.now_ms, [*samples, *told])
        return {str(each.series): each.value for each in told}

    async def told(self) -> dict[str, float]:
        """And what is told once nothing comes any more."""
        return await self.tick()


def count(told: dict[str, float], name: str = "web") -> tuple[float, float]:
    """Good ones, and all."""
    return (
        told[f'intertie_slo_good_total{{slo="{name}"}}'],
        told[f'intertie_slo_total{{slo="{name}"}}'],
    )


def ratio(told: dict[str, float], window: str) -> float:
    """Share of bad events over the window."""
    return told[f'intertie_slo_error_ratio{{slo="web", window="{window}"}}']


async def test_it_counts_what_came_since_the_last_look() -> None:
    """The first fault, too, whose counter comes with it; what was before is not ours to count."""
    bed = Bed(web=WEB)
    await bed.tick(hits("200", 1000))
    await bed.tick(hits("200", 1100))
    told = await bed.tick(hits("200", 1190), hits("503", 10))

    assert count(told) == (100, 100)
    assert count(await bed.told()) == (190, 200)


async def test_the_first_request_ever_counts() -> None:
    """Its counter comes with it, where the gateway was read before."""
    bed = Bed(web=WEB, pay=Slo.model_validate({"integration": "pay", "objective": "99%"}))
    up = Sample(Series.of("intertie_service_up", {"service": "web"}), 1)
    calls = Series.of("intertie_integration_call_seconds_count", {"integration": "pay"})
    await bed.tick(Sample(Series.of(REQUESTS, {"service": "web"}), 0), up)
    await bed.tick(hits("200", 5), hits("502", 1), Sample(calls, 7), up)
    told = await bed.told()

    assert (count(told, "web"), count(told, "pay")) == ((5, 6), (7, 7))


async def test_a_gateway_that_began_again_loses_nothing() -> None:
    """Its counters are followed one by one."""
    bed = Bed(web=WEB)
    for good, bad in ((100, 50), (200, 51), (7, 1), (9, 1)):
        await bed.tick(hits("200", good), hits("500", bad))

    assert count(await bed.told()) == (109, 111)


async def test_looks_that_found_nothing_are_made_up_for() -> None:
    """The next one counts all since."""
    bed = Bed(web=WEB)
    await bed.tick(hits("200", 100))
    for _ in range(9):
        await bed.tick()
    await bed.tick(hits("200", 150))

    assert count(await bed.told()) == (50, 50)


async def test_maintenance_does_not_count() -> None:
    """Whatever happens in it; how long it was and what happened is told beside."""
    excluding = Slo.model_validate({"service": "web", "objective": "99%", "exclude": "night"})
    bed = Bed(at_ms=BEGIN + 2 * HOUR - MINUTE, web=WEB, quiet=excluding)
    last: dict[str, float] = {}
    for minute in range(121):
        bad = 10.0 * max(0, min(minute - 60, 30))  # from 3:00 to 3:30
        last = await bed.tick(hits("200", 10.0 * minute), hits("500", bad))
    last = await bed.told()

    assert count(last, "web") == (1200, 1500)
    assert count(last, "quiet") == (900, 900)
    assert last['intertie_slo_excluded_total{slo="quiet"}'] == 600
    assert last['intertie_slo_excluded_seconds_total{slo="quiet"}'] == 1800
    assert 'intertie_slo_excluded_total{slo="web"}' not in last


async def test_the_share_of_bad_events_is_told_for_each_window() -> None:
    """Of those that rules look at; it comes down again."""
    bed = Bed(web=WEB)
    for minute in range(61):
        await bed.tick(hits("200", 10.0 * minute), hits("500", 10.0 * max(0, minute - 50)))
    worst = await bed.told()
    for _ in range(10):
        await bed.tick()
    after = await bed.told()

    assert ratio(worst, "5m") == pytest.approx(0.5, abs=0.02)
    assert ratio(worst, "1h") == pytest.approx(100 / 700, abs=0.01)
    assert ratio(worst, "6h") == ratio(worst, "1h")
    assert ratio(after, "5m") == 0
    assert ratio(after, "1h") == pytest.approx(100 / 590, abs=0.01)


@pytest.mark.parametrize(
    ("given", "samples", "expected"),
    [
        (
            {"service": "web", "indicator": "uptime"},
            [
                [Sample(Series.of("intertie_service_up", {"service": "web"}), up)]
                for up in (1, 1, 0, 1)
            ],
            (120, 180),
        ),
        (
            {"expr": {"total": "orders_total", "good": 'orders_total{ok="1"}'}},
            [
                [
                    Sample(Series.of("orders_total", {"ok": "1"}), 9.0 * n),
                    Sample(Series.of("orders_total", {"ok": "0"}), 1.0 * n),
                ]
                for n in range(4)
            ],
            (27, 30),
        ),
        (
            {"tenant": "acme"},
            [
                [
                    Sample(
                        Series.of(f"intertie_integration_{name}", {"tenant": "acme", **labels}),
                        value * n,
                    )
                    for name, labels, value in (
                        ("call_seconds_count", {"integration": "a"}, 10.0),
                        ("failures_total", {"integration": "a", "cause": "vendor"}, 2.0),
                        ("failures_total", {"integration": "a", "cause": "request"}, 3.0),
                    )
                ]
                for n in range(4)
            ],
            (24, 30),
        ),
    ],
)  # fmt: skip
async def test_each_kind_counts_its_own(
    given: dict[str, Any], samples: Sequence[Sequence[Sample]], expected: tuple[float, float]
) -> None:
    """Time in which a service is up, any counters, calls of a tenant."""
    bed = Bed(it=Slo.model_validate({"objective": "99%", **given}))
    for each in samples:
        await bed.tick(*each)

    assert count(await bed.told(), "it") == expected


async def test_a_restart_goes_on_with_what_was_counted(tmp_path: Path) -> None:
    """Requests while nobody counted are counted then, and what burns goes on burning."""
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        first = Bed(web=WEB)
        for minute in range(31):
            samples = [hits("200", 10.0 * minute), hits("500", 10.0 * minute)]
            told = await first.tick(*samples)
            kept = [Sample(s, v) for s, v in _series(told)]
            await store.append(first.now_ms, [*samples, *kept])

        second = Bed(at_ms=first.now_ms + 10 * MINUTE, web=WEB)
        await second.recorder.restore(store, second.now_ms)
        begun = await second.tick(hits("200", 400), hits("500", 300))
        later = await second.told()

    assert count(begun) == (300, 600)  # also what the last look had brought
    assert count(later) == (400, 700)
    assert ratio(later, "1h") == pytest.approx(3 / 7, abs=0.02)


async def test_a_long_time_down_forgets_nothing_that_was_counted(tmp_path: Path) -> None:
    """Samples are gone by then, their hours are not."""
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        for minute in range(10):
            kept = [
                Sample(Series.of("intertie_slo_good_total", {"slo": "web"}), 9.0 * minute),
                Sample(Series.of("intertie_slo_total", {"slo": "web"}), 10.0 * minute),
            ]
            await store.append(BEGIN + minute * MINUTE, kept)
        bed = Bed(at_ms=BEGIN + 20 * DAY, web=WEB)
        await store.retain(bed.now_ms)
        assert (await store.stats()).samples == 0
        await bed.recorder.restore(store, bed.now_ms)

        assert count(await bed.told()) == (81, 90)


async def test_nothing_promised_is_nothing_told(tmp_path: Path) -> None:
    """And nothing is read for it."""
    bed = Bed()
    async with DuckStore.open(tmp_path / "metrics.duckdb") as store:
        await bed.recorder.restore(store, bed.now_ms)

    assert await bed.told() == {}


async def test_a_clock_put_back_counts_nothing_twice() -> None:
    """It goes on from there."""
    bed = Bed(web=WEB)
    await bed.tick(hits("200", 100))
    await bed.tick(hits("200", 200))
    await bed.tick(hits("200", 210), step_ms=-30 * MINUTE)
    await bed.tick(hits("200", 220))

    assert count(await bed.told()) == (120, 120)


def test_what_cannot_be_followed_is_told_at_once() -> None:
    """Not at the first look."""
    wrong = Slo.model_validate({"expr": {"good": "sum(a)", "total": "b"}, "objective": 99})

    with pytest.raises(IntertieError, match="cannot count by"):
        SloRecorder({"x": wrong}, Ring())


def _series(told: dict[str, float]) -> Sequence[tuple[Series, float]]:
    return [(parse_series(text), value) for text, value in told.items()]
