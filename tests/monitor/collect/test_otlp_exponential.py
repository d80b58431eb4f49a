"""Exponential histograms, pushed and asked for in PromQL."""

import math

import numpy as np
import pytest

from intertie.monitor.collect.otlp import Intake
from intertie.monitor.promql.query import Vector, compile
from intertie.monitor.ring import Ring
from intertie.monitor.sample import is_stale
from tests.monitor.collect.exponential_points import export, point_of, traced
from tests.monitor.collect.otlp_requests import PROTOBUF

pytestmark = pytest.mark.anyio

MOST_OFF = 2**0.25 - 1


def intake(max_series: int = 1000) -> Intake:
    """At a clock that stands."""
    return Intake(now_ms=lambda: 1000, max_series=max_series)


async def told(made: Intake) -> dict[str, float]:
    """Counts by bound; of all and the sum by their names."""
    found: dict[str, float] = {}
    for each in await made.collect(0):
        if not is_stale(each.value):
            labels = dict(each.series.labels)
            found[labels.get("le", each.series.name)] = each.value
    return found


async def quantile(ring: Ring, q: float, at_ms: int) -> float:
    """As somebody asks for it."""
    text = f"histogram_quantile({q}, rate(took_seconds_bucket[5m]))"
    found = await compile(text).instant(ring, at_ms)
    assert isinstance(found, Vector)
    (only,) = found.points
    return only.value


@pytest.mark.parametrize("delta", [True, False])
@pytest.mark.parametrize("scale", [1, 2, 3, 6])
async def test_quantiles_are_near_the_exact_ones(delta: bool, scale: int) -> None:
    """Within 19 %, or one bucket of a sender that is coarser itself, while times grow slower."""
    most_off = max(MOST_OFF, 2**2.0**-scale - 1)
    draw = np.random.default_rng(scale)
    made, ring = intake(), Ring()
    every: list[list[float]] = []
    sent: list[float] = []
    for tick in range(20):
        values = draw.lognormal(-3 + tick / 20, 1, 500).tolist()
        every.append(values)
        sent = values if delta else [*sent, *values]
        at_ms = (tick + 1) * 15_000
        taken = await made.take(export([point_of(sent, scale, at_ms=at_ms)], delta=delta), PROTOBUF)
        assert (taken.rejected, taken.why) == (0, "")
        ring.append(at_ms, await made.collect(at_ms))

    counted = np.concatenate(every[1:])  # a rate begins at its first sample
    for q in (0.5, 0.9, 0.95, 0.99):
        exact = float(np.quantile(counted, q, method="inverted_cdf"))
        assert await quantile(ring, q, 300_000) == pytest.approx(exact, rel=most_off)


async def test_deltas_add_up_to_what_totals_say() -> None:
    """Also below bounds that a later part does not mention."""
    parts = [[0.1, 0.2, 5.0], [0.2], [0.001, 0.0], [-3.0, 100.0]]
    added, whole = intake(), intake()
    for at, part in enumerate(parts, start=1):
        await added.take(export([point_of(part, 6, at_ms=at)], delta=True), PROTOBUF)
        so_far = [value for each in parts[:at] for value in each]
        await whole.take(export([point_of(so_far, 6, at_ms=at)]), PROTOBUF)

    assert await told(added) == pytest.approx(await told(whole))
    assert (await told(added))["+Inf"] == 8


async def test_counters_go_on_when_a_process_begins_again() -> None:
    """Bounds that were told are told again, at what there is."""
    made = intake()
    await made.take(export([point_of([0.1, 4.0], 2, at_ms=1)]), PROTOBUF)
    before = await told(made)
    await made.take(export([point_of([0.1], 2, at_ms=2)]), PROTOBUF)
    after = await told(made)

    assert before.keys() == after.keys()
    assert (before["4"], after["4"], after["+Inf"]) == (2, 1, 1)


async def test_a_coarser_sender_ends_bounds_that_nobody_can_count_any_more() -> None:
    """The others go on."""
    made = intake()
    await made.take(export([point_of([1.5, 3.0], 2, at_ms=1)]), PROTOBUF)
    before = await told(made)
    await made.take(export([point_of([1.5, 3.0, 3.5], 0, at_ms=2)]), PROTOBUF)

    assert set(await told(made)) == {
        "1",
        "2",
        "4",
        "+Inf",
        "took_seconds_count",
        "took_seconds_sum",
    }
    assert len(before) > 6


async def test_a_late_total_changes_nothing() -> None:
    """A request that was sent again may come after a newer one."""
    made = intake()
    await made.take(export([point_of([1.0, 2.0], 2, at_ms=9)]), PROTOBUF)
    await made.take(export([point_of([1.0], 2, at_ms=5)]), PROTOBUF)

    assert (await told(made))["+Inf"] == 2


async def test_a_histogram_that_has_ended_ends_all_its_bounds() -> None:
    """The flag of its last point says so."""
    made = intake()
    await made.take(export([point_of([1.0, 2.0], 2, at_ms=1)]), PROTOBUF)
    last = point_of([], 2, at_ms=2)
    last.flags = 1
    await made.take(export([last]), PROTOBUF)

    samples = await made.collect(0)

    assert samples
    assert all(math.isnan(each.value) for each in samples)
    assert await told(made) == {}


async def test_beyond_the_most_series_bounds_are_refused_and_told() -> None:
    """As every other series."""
    made = intake(max_series=5)

    taken = await made.take(export([point_of([0.001, 1.0, 100.0], 2)]), PROTOBUF)

    assert taken.rejected > 0
    assert "more than 5 series" in taken.why
    assert len(await made.collect(0)) == 5


async def test_a_traced_request_is_kept_beside_the_bucket_that_counts_it() -> None:
    """With its trace and when it was."""
    point = point_of([0.9, 3.0], 2, at_ms=7)
    point.exemplars.append(traced(3.0, 6))
    made = intake()
    await made.take(export([point]), PROTOBUF)

    ((series, found),) = made.exemplars.select([()], 0, 10).items()

    le = float(dict(series.labels)["le"])
    assert le / 2**0.25 < 3.0 <= le
    assert (found.value, found.at_ms) == (3.0, 6)
    assert dict(found.labels) == {"trace_id": "ab" * 16, "span_id": "cd" * 8}
