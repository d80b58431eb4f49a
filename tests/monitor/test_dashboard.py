"""What dashboards ask: every query can be asked, and every panel says why it may be empty."""

from typing import get_args

import pytest

from intertie.monitor.dashboard import SPANS_S, Facts, SpanName, dashboards, pace
from intertie.monitor.promql.query import compile
from intertie.suite.monitoring import BusinessMetric

SPANS: tuple[SpanName, ...] = get_args(SpanName)
FACTS = Facts(
    interval_s=1,
    gateway=True,
    bus=True,
    integrations=("stripe",),
    metrics=(
        ("revenue", BusinessMetric(unit="EUR", topic="orders.*", labels={"shop": "shop"})),
        ("active_users", BusinessMetric(kind="gauge", description="logged in now")),
    ),
)


@pytest.mark.parametrize("span", SPANS)
@pytest.mark.parametrize("interval_s", [1, 1.5, 60])
def test_each_query_is_one_that_we_answer(span: SpanName, interval_s: float) -> None:
    """Over each span and for each interval."""
    found = dashboards(FACTS, pace(span, interval_s))

    texts = [line.expr for board in found for panel in board.panels for line in panel.lines]
    assert len(texts) > 20
    for text in texts:
        compile(text)


def test_panels_are_told_apart_and_none_is_empty_without_a_reason() -> None:
    """Ids are the page's handles."""
    for board in dashboards(FACTS, pace("1h", 1)):
        ids = [panel.id for panel in board.panels]
        assert len(set(ids)) == len(ids)
        assert all(panel.missing and panel.lines for panel in board.panels)


@pytest.mark.parametrize("span", SPANS)
def test_no_point_lies_between_two_samples(span: SpanName) -> None:
    """And no rate is taken over less than four of them; no span has more than 200 points."""
    for interval_s in (1, 30, 60, 7200):
        found = pace(span, interval_s)
        assert found.step_s >= interval_s
        assert found.window_s >= max(found.step_s, 4 * interval_s)
        assert SPANS_S[span] / found.step_s <= 200


def test_each_declared_figure_has_a_panel_with_its_unit_and_labels() -> None:
    """A counter has one of its growth too."""
    business = dashboards(FACTS, pace("15m", 1))[2]

    told = [(panel.id, panel.title, panel.unit) for panel in business.panels]
    assert told == [
        ("revenue", "revenue", "EUR"),
        ("revenue-growth", "Growth, by the hour", "EUR/h"),
        ("active_users", "logged in now", ""),
    ]
    assert [panel.lines[0].legend for panel in business.panels] == [
        "{{shop}}",
        "{{shop}}",
        "active_users",
    ]
    assert not business.missing


def test_what_the_suite_does_not_have_is_said_with_the_cure() -> None:
    """Gateway, bus, integrations and figures of its own."""
    _, application, business = dashboards(Facts(interval_s=60), pace("1h", 60))

    why = {panel.group: panel.missing for panel in application.panels}
    assert "write `gateway:`" in why["Gateway"]
    assert "write `bus: {}`" in why["Message bus"]
    assert "write `integrations:`" in why["Integrations"]
    assert not business.panels
    assert "`monitoring.metrics`" in business.missing
