"""Days of services, from real samples of a real store."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.monitor.duck import DuckStore
from intertie.monitor.sample import STALE, Sample, Series
from intertie.monitor.status_page import (
    DAYS,
    Counted,
    after_last,
    history,
    service_status,
    unwell_since,
    worst,
)
from intertie.runtime.component import Status
from intertie.suite.monitoring import Retention

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TODAY = NOW.date()
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DuckStore]:
    """An empty one."""
    async with DuckStore.open(tmp_path / "samples.duckdb", retention=Retention()) as made:
        yield made


async def measure(
    store: DuckStore, name: str, first: datetime, values: Sequence[float], *, each: timedelta
) -> None:
    """Whether a service is up, at regular times."""
    series = Series.of("intertie_service_up", {"service": name})
    for place, value in enumerate(values):
        at_ms = round((first + place * each).timestamp() * 1000)
        await store.append(at_ms, [Sample(series, value)])


@pytest.mark.anyio
async def test_a_day_is_the_share_of_its_measurements_that_were_good(store: DuckStore) -> None:
    """Each service for itself; the end of a series is no measurement."""
    yesterday = datetime(2026, 11, 21, tzinfo=UTC)
    hour = timedelta(hours=1)
    await measure(store, "web", yesterday, [1.0] * 18 + [0.0] * 6 + [1.0] * 12, each=hour)
    await measure(store, "api", yesterday, [1.0, STALE], each=hour)

    found = await history(store, NOW)

    assert found["web"] == {TODAY - timedelta(1): Counted(18, 24), TODAY: Counted(12, 12)}
    assert found["api"] == {TODAY - timedelta(1): Counted(1, 1)}


@pytest.mark.anyio
async def test_days_outlive_their_samples(store: DuckStore) -> None:
    """What was rolled up counts as what was measured."""
    old = NOW - timedelta(days=60)
    await measure(store, "web", old, [1.0, 1.0, 0.0, 1.0], each=MINUTE)
    await measure(store, "web", NOW - MINUTE, [1.0], each=MINUTE)
    await store.retain(round(NOW.timestamp() * 1000))
    left = await store.stats()

    found = await history(store, NOW)

    assert left.samples == 1
    assert found["web"][old.date()] == Counted(3, 4)


def test_a_service_has_ninety_days_of_which_some_may_be_unknown() -> None:
    """What was not measured is neither good nor bad."""
    counted = {
        TODAY: Counted(1, 2),
        TODAY - timedelta(1): Counted(4, 4),
        TODAY - timedelta(DAYS): Counted(0, 100),
    }

    found = service_status("web", Status.UP, counted, NOW)

    assert len(found.days) == DAYS
    assert (found.days[0].day, found.days[-1].day) == (TODAY - timedelta(DAYS - 1), TODAY)
    assert [each.availability for each in found.days[-3:]] == [None, 100, 50]
    assert found.availability == pytest.approx(100 * 5 / 6)
    assert service_status("api", Status.UP, {}, NOW).availability is None


@given(
    st.dictionaries(
        st.dates(date(2026, 8, 1), TODAY), st.tuples(st.integers(0, 9), st.integers(0, 9))
    )
)
def test_availability_is_a_share_and_lies_between_its_days(
    pairs: dict[date, tuple[int, int]],
) -> None:
    """Whatever was measured."""
    counted = {day: Counted(min(pair), max(pair)) for day, pair in pairs.items()}

    found = service_status("web", Status.UP, counted, NOW)

    known = [each.availability for each in found.days if each.availability is not None]
    assert (found.availability is None) == (not known)
    if found.availability is not None:
        assert min(known) - 1e-9 <= found.availability <= max(known) + 1e-9
        assert 0 <= found.availability <= 100


@pytest.mark.anyio
async def test_trouble_began_with_the_first_bad_measurement_after_the_last_good_one(
    store: DuckStore,
) -> None:
    """To the sample; earlier trouble that ended is another matter."""
    first = NOW - timedelta(hours=3)
    await measure(store, "web", first, [1, 0, 1] + [0] * 177, each=MINUTE)
    await measure(store, "late", NOW - 2 * MINUTE, [1, 1], each=MINUTE)
    await measure(store, "never", first, [0, 0], each=MINUTE)

    found = await unwell_since(store, ["web", "late", "never", "unknown"], NOW)

    assert found == {
        "web": first + 3 * MINUTE,
        "late": NOW - MINUTE,
        "never": first,
        "unknown": None,
    }


@given(st.lists(st.sampled_from([0.0, 1.0])))
def test_nothing_good_comes_after_the_last_good_one(values: list[float]) -> None:
    """And what is before it is good, if anything is."""
    place = after_last(values)

    assert 1.0 not in values[place:]
    assert place == 0 or values[place - 1] == 1.0


def test_the_whole_is_as_its_worst_part() -> None:
    """And well where there is nothing."""
    assert worst([]) is Status.UP
    assert worst([Status.UP, Status.DEGRADED]) is Status.DEGRADED
    assert worst([Status.UP, Status.DOWN, Status.DEGRADED]) is Status.DOWN
