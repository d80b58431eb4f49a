from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.monitor.promql.query import Options
from tests.monitor.promql.stage import ask, differs, line

OLD = Options(closed=True)


@pytest.mark.parametrize(
    ("values", "text", "value"),
    [
        # 15 to 60 s: grows 30 in 45 s; 15 s to the open edge are near, and so all 60 s count.
        ("0 110 120 130 140", "increase(x[1m])", 40),
        ("0 110 120 130 140", "rate(x[1m])", 40 / 60),
        # A reset: 110 -> 130, then 0 -> 5; 25 in 45 s.
        ("0 110 130 0 5", "increase(x[1m])", 25 * 60 / 45),
        # Starts at 5: it was 0 only 7.5 s before, and growth is not carried further back.
        ("_ 5 15 25 35", "increase(x[1m])", 30 * 52.5 / 45),
        # The edge is farther than 1.1 distances away: half a distance is assumed.
        ("_ _ _ 100 110", "increase(x[2m])", 10 * (15 + 7.5) / 15),
        ("0 110 100 90 80", "delta(x[1m])", -40),
        ("_ 5 15 25 35", "delta(x[1m])", 40),
        ("0 0 0 100 130", "irate(x[1m])", 2),
        ("0 0 0 100 30", "irate(x[1m])", 2),
        ("0 0 0 100 30", "idelta(x[1m])", -70),
    ],
)
def test_growth_is_carried_to_the_edges(values: str, text: str, value: float) -> None:
    """As far as it can be assumed; a counter that falls began anew, a gauge did not."""
    found = ask(text, line("x", values))

    assert not differs(found, {"{}": value}), found


def test_where_a_counter_was_zero_is_asked_last() -> None:
    """Before Prometheus 2.53 it was asked first, so that more than half a distance could count."""
    # 2 at 45 s, 5 at 60 s: 0 was 10 s before; the edge is 45 s before, and half a distance 7.5 s.
    one = line("x", "_ _ _ 2 5")

    assert not differs(ask("increase(x[1m])", one), {"{}": 3 * (15 + 7.5) / 15})
    assert not differs(ask("increase(x[1m])", one, options=OLD), {"{}": 3 * (15 + 10) / 15})


@pytest.mark.parametrize("name", ["rate", "increase", "delta", "irate", "idelta"])
def test_one_sample_has_no_growth(name: str) -> None:
    """Nothing is said, not 0."""
    assert ask(f"{name}(x[1m])", line("x", "_ _ _ _ 5")) == {}
    assert ask(f"{name}(x[1m])", line("x", "_ _ _ 5 5")) == {"{}": 0}


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=30))
def test_a_counter_never_shrinks(steps: list[int]) -> None:
    """However often it begins anew, its rate is not negative and within what the samples allow."""
    at_s = (len(steps) - 1) * 15
    one = line("x", " ".join(map(str, steps)))

    (found,) = (ask("increase(x[10m])", one, at_s=at_s) or {}).values()

    pairs = list(pairwise(steps))
    grown = sum(now - before if now >= before else now for before, now in pairs)
    assert grown <= found <= grown * (1 + 2 * 1.1 / len(pairs)) + 1e-9
