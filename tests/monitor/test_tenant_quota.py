"""What each tenant may send, and what it is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.errors import RequestError, TooMuchError
from intertie.monitor.tenant_quota import REFUSED, Limits, Quotas
from intertie.suite.monitoring import Monitoring


class Clock:
    """Milliseconds, set by hand."""

    now_ms = 0

    def __call__(self) -> int:
        """What it shows."""
        return self.now_ms


def quotas(clock: Clock, **tenants: object) -> Quotas:
    """Two tenants with limits as given."""
    config = Monitoring.model_validate(
        {"metrics_collection": {"max_series": 500}, "tenants": tenants}
    )
    return Quotas(config, lambda: ("acme", "globex"), clock)


def test_a_tenant_of_which_nothing_is_said_has_a_tenth() -> None:
    """Who is no tenant of the suite has no limit of its own."""
    made = quotas(Clock(), acme={"max_series": 7, "samples_per_minute": 60})

    assert made.limits("acme") == Limits(7, 60)
    assert made.limits("globex") == Limits(50, 100_000)
    assert (made.max_series("acme"), made.max_series("nobody")) == (7, None)


def test_what_is_spent_comes_back_over_a_minute() -> None:
    """And no more than a minute's."""
    clock = Clock()
    made = quotas(clock, acme={"samples_per_minute": 60})

    made.spend("acme", 60)
    with pytest.raises(TooMuchError, match=r"tenant acme now: it may send 60 a minute"):
        made.check("acme")
    clock.now_ms = 10_000
    made.spend("acme", 10)
    with pytest.raises(TooMuchError):
        made.spend("acme", 1)
    clock.now_ms = 3_600_000
    made.spend("acme", 60)
    with pytest.raises(TooMuchError):
        made.spend("acme", 1)


def test_what_can_never_be_taken_is_said_so() -> None:
    """Waiting would not help."""
    made = quotas(Clock(), acme={"samples_per_minute": 60})

    with pytest.raises(RequestError, match="61 samples at once"):
        made.spend("acme", 61)


def test_a_clock_that_is_put_back_takes_nothing_away() -> None:
    """What was left is left."""
    clock = Clock()
    clock.now_ms = 1_000_000
    made = quotas(clock, acme={"samples_per_minute": 60})
    made.spend("acme", 59)
    clock.now_ms = 0

    made.spend("acme", 1)


@given(
    st.lists(st.tuples(st.integers(0, 5_000), st.sampled_from(["acme", "globex"]), st.just(7))),
)
def test_no_tenant_gets_more_than_its_minutes_and_none_takes_anothers(
    asked: list[tuple[int, str, int]],
) -> None:
    """However both ask: what one is given does not depend on the other."""
    clock, alone_clock = Clock(), Clock()
    limits = {"samples_per_minute": 60}
    both, alone = quotas(clock, acme=limits, globex=limits), quotas(alone_clock, acme=limits)
    given = {"acme": 0, "globex": 0}
    for wait_ms, tenant, count in asked:
        clock.now_ms = alone_clock.now_ms = clock.now_ms + wait_ms
        took = _took(both, tenant, count)
        given[tenant] += took
        if tenant == "acme":
            assert took == _took(alone, tenant, count)

    assert all(total <= 60 + 60 * clock.now_ms / 60_000 for total in given.values())


def _took(made: Quotas, tenant: str, count: int) -> int:
    try:
        made.spend(tenant, count)
    except TooMuchError:
        return 0
    return count


@pytest.mark.anyio
async def test_who_was_refused_is_measured() -> None:
    """By tenant and reason."""
    made = quotas(Clock(), acme={"samples_per_minute": 1})
    made.count("acme", "series", 3)
    with pytest.raises(RequestError):
        made.spend("acme", 2)

    found = {tuple(each.series.labels): each.value for each in await made.collect(0)}

    assert made.refused("acme") == {"series": 3, "rate": 2}
    assert made.refused("globex") == {}
    assert found == {
        (("reason", "rate"), ("tenant", "acme")): 2.0,
        (("reason", "series"), ("tenant", "acme")): 3.0,
    }
    assert {each.series.name for each in await made.collect(0)} == {REFUSED}
