"""Budgets add up, whatever is promised."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from intertie.monitor.slo_facts import Day, budget_of, burn_rate, is_met, percent, worst
from intertie.suite.slo import Slo

EVENTS = st.floats(0, 1e15) | st.integers(0, 10**12)
OBJECTIVES = st.sampled_from([100.0, 99.999, 99.9, 99.5, 99.0, 90.0, 50.0, 1.0]) | st.floats(1, 100)


@given(total=EVENTS, part=st.floats(0, 1), objective=OBJECTIVES)
def test_a_budget_is_used_or_left(total: float, part: float, objective: float) -> None:
    """Allowed is used plus left; it is used up just where the objective is missed."""
    share = Slo(service="a", objective=objective).budget_share
    good = total * part
    budget = budget_of(good, total, share)

    assert budget.allowed >= 0
    assert budget.used >= 0
    assert abs(budget.used + budget.left - budget.allowed) <= 1e-6 * max(total, 1)
    if budget.used_share is None:
        assert budget.allowed == 0 < budget.used
    elif budget.allowed > 0:
        assert budget.used_share == budget.used / budget.allowed
    achieved = percent(good, total)
    if achieved is not None and abs(budget.left) > 1e-6 * total:
        assert is_met(achieved, objective) == (budget.left >= 0)


def test_nothing_may_fail_where_all_is_promised() -> None:
    """No budget, nothing divided by it, and one bad event is too many."""
    assert Slo(service="a", objective=100.0).budget_share == 0
    assert budget_of(10, 10, 0.0).used_share == 0
    assert budget_of(9, 10, 0.0).used_share is None
    assert budget_of(9, 10, 0.0).left == -1
    assert (burn_rate(0.0, 0.0), burn_rate(0.1, 0.0)) == (0.0, None)
    assert is_met(100.0, 100.0)
    assert not is_met(99.9999, 100.0)


def test_nothing_happened_is_neither_kept_nor_missed() -> None:
    """There is no share of no events."""
    assert percent(0, 0) is None
    assert budget_of(0, 0, 0.001).used_share == 0


@given(ratio=st.floats(0, 1), objective=OBJECTIVES)
def test_a_rate_of_one_lasts_just_for_the_window(ratio: float, objective: float) -> None:
    """Share of bad events over the share that may be bad."""
    share = Slo(service="a", objective=objective).budget_share
    rate = burn_rate(ratio, share)

    if share > 0:
        assert rate == ratio / share
    else:
        assert rate == (None if ratio > 0 else 0.0)


def test_a_promise_kept_to_the_last_digit_is_kept() -> None:
    """999 of 1000 are 99.9%, also in floating point."""
    for bad, objective in ((1, 99.9), (5, 99.5), (10, 99.0), (1, 99.9)):
        assert is_met(percent(1000 - bad, 1000) or 0, objective)


def test_the_worst_days_are_those_with_most_bad_events() -> None:
    """Five at most, earlier ones first among equals, and none that was good throughout."""
    days = [Day(date(2026, 11, n), 100 - n % 7, 100, None, None, 0) for n in range(1, 15)]

    assert [each.day.day for each in worst(days)] == [6, 13, 5, 12, 4]
    assert worst([Day(date(2026, 11, 1), 5, 5, 100, 0, 0)]) == ()
