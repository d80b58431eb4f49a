"""What an objective may be, and what it is refused for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from intertie.suite.slo import Slo


def slo(**given: Any) -> Slo:
    """As a suite file has it."""
    return Slo.model_validate({"service": "web", "objective": "99.9%", **given})


def test_an_objective_is_of_requests_over_thirty_days_and_alarming_by_two_pairs() -> None:
    """Unless something else is written."""
    found = slo()

    assert (found.objective, found.window, found.indicator) == (99.9, 30 * 86400, "availability")
    assert [(each.long, each.short, each.factor, each.severity) for each in found.burn_alerts] == [
        (3600, 300, 14.4, "critical"),
        (21600, 1800, 6, "warning"),
    ]
    assert found.budget_share == 0.001


@pytest.mark.parametrize(
    ("written", "percent"), [("99.9%", 99.9), ("99.95 %", 99.95), ("99", 99), (99.5, 99.5)]
)
def test_an_objective_is_a_percentage(written: object, percent: float) -> None:
    """With its sign or without."""
    assert slo(objective=written).objective == percent


@pytest.mark.parametrize("written", ["0.999", "101%", "much", -1, 0, None, "99.9%%"])
def test_a_share_that_nobody_means_is_refused(written: object) -> None:
    """0.999 is no objective of less than one percent."""
    with pytest.raises(ValidationError):
        slo(objective=written)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"service": None}, "expected one of"),
        ({"integration": "stripe"}, "expected one of"),
        ({"route": "/"}, "expected one of"),
        ({"service": None, "route": "/", "tenant": "acme"}, "expected one of"),
        ({"service": None, "route": "/", "indicator": "uptime"}, "only a service is up"),
        ({"expr": {"good": "a", "total": "b"}}, "expected one of"),
        ({"indicator": "latency"}, "expected with `indicator: latency`"),
        ({"threshold": "500ms"}, "indicator: latency"),
        ({"service": None, "tenant": "acme", "indicator": "uptime"}, "only a service is up"),
        (
            {
                "service": None,
                "expr": {"good": "a", "total": "b"},
                "indicator": "latency",
                "threshold": "1s",
            },
            "just good or bad",
        ),
        ({"service": None, "expr": {"total": "b"}}, "either `good` or `bad`"),
        ({"service": None, "expr": {"total": "b", "good": "a", "bad": "c"}}, "either"),
        ({"burn_alerts": [{"long": "1h", "short": "1h", "factor": 2}]}, "less than `long`"),
        ({"burn_alerts": [{"long": "4d", "short": "1h", "factor": 2}]}, "less than or equal"),
        (
            {
                "objective": "90%",
                "burn_alerts": [{"long": "1h", "short": "5m", "factor": 14.4}],
            },
            "when all is bad it burns 10 times",
        ),
        ({"window": "1m"}, "greater than or equal"),
        ({"objective_": 1}, "Extra inputs"),
    ],
)
def test_what_cannot_be_followed_is_refused(given: dict[str, object], why: str) -> None:
    """With a reason that says what to write."""
    with pytest.raises(ValidationError, match=why):
        slo(**given)


def test_calls_are_of_an_integration_a_tenant_or_both() -> None:
    """Each narrows which calls count."""
    for of in ({"integration": "a"}, {"tenant": "t"}, {"integration": "a", "tenant": "t"}):
        found = slo(service=None, **of)
        assert {"integration": found.integration, "tenant": found.tenant} == {
            "integration": None,
            "tenant": None,
            **of,
        }


@given(st.floats(1, 100))
def test_an_alert_that_is_kept_can_fire(objective: float) -> None:
    """If all is bad, it burns faster than the alert allows; without a budget anything fires."""
    found = slo(objective=objective)

    assert 0 <= found.budget_share <= 0.99
    for pair in found.reachable:
        assert pair.factor * found.budget_share < 1
