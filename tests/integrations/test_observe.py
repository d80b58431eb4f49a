"""Counts and times of calls."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.integrations.call import Call
from intertie.integrations.errors import (
    AuthExpiredError,
    IntegrationError,
    InvalidError,
    ThrottledError,
    VendorDownError,
)
from intertie.integrations.observe import BOUNDS_S, Metrics
from intertie.integrations.operation import Nothing
from tests.integrations.shop import CONFIG, Shop
from tests.integrations.stage import Stage

FAULTS = (AuthExpiredError, ThrottledError, InvalidError, VendorDownError)


def ended(metrics: Metrics, took_s: float, fault: Exception | None = None, name: str = "a") -> None:
    """One call of a connection of this name."""
    shop = Stage().made(Shop, "acme", name=name, config=CONFIG)
    call = Call(shop, Shop.ping, Nothing())
    call.attempt = 2
    metrics.ended(call, metrics.began(call), took_s, fault)  # type: ignore[func-returns-value]


@given(st.lists(st.tuples(st.floats(0, 100), st.sampled_from([None, *FAULTS])), max_size=20))
def test_figures_add_up(calls: list[tuple[float, type[IntegrationError] | None]]) -> None:
    """Each call is in one bucket, and has one cause when it failed."""
    metrics = Metrics()
    for took_s, kind in calls:
        ended(metrics, took_s, kind("so") if kind else None)

    tally = metrics.of("acme", "a")
    assert tally.calls == len(calls) == sum(tally.buckets)
    assert tally.attempts == 2 * len(calls)
    assert tally.failed == sum(tally.causes.values())
    assert tally.total_s == pytest.approx(sum(took_s for took_s, _ in calls))
    assert tally.down == sum(kind in {AuthExpiredError, VendorDownError} for _, kind in calls)


@pytest.mark.parametrize("bound", BOUNDS_S)
def test_a_bound_is_within_its_bucket(bound: float) -> None:
    """As `le` of Prometheus says."""
    metrics = Metrics()
    ended(metrics, bound)

    assert metrics.of("acme", "a").buckets.index(1) == bisect_left(BOUNDS_S, bound)


def test_what_took_longer_than_any_bound_is_in_the_last() -> None:
    """None gets lost."""
    metrics = Metrics()
    ended(metrics, 1e9)

    assert metrics.of("acme", "a").buckets[-1] == 1


def test_a_tenant_is_all_of_its_connections() -> None:
    """And those of nobody else."""
    metrics = Metrics()
    ended(metrics, 1)
    ended(metrics, 2, name="b")

    assert metrics.of_tenant("acme").calls == 2
    assert metrics.of("acme", "b").total_s == 2
    assert metrics.of_tenant("globex").calls == 0
    assert [labels for labels, _ in metrics] == [
        {"tenant": "acme", "integration": name, "kind": "shop", "operation": "ping"}
        for name in ("a", "b")
    ]


def test_what_nobody_expected_is_the_callers() -> None:
    """It says nothing of the vendor."""
    metrics = Metrics()
    ended(metrics, 1, InterruptedError())

    assert metrics.of("acme", "a").causes == {"caller": 1}
