"""Rules over a span, in a limited time."""

import pytest

from intertie.errors import NotFoundError
from intertie.monitor.replay import MAX_LOOKS
from intertie.monitor.replay_rules import Span, chosen, replay_rules, rules_in, span_of
from intertie.monitor.rule_tests import source_of
from intertie.suite.monitoring import Monitoring
from intertie.suite.rule_tests import RuleTest

pytestmark = pytest.mark.anyio

MINUTE_MS = 60_000
CONFIG = Monitoring.model_validate(
    {
        "alerts": {
            "critical": ["error_rate > 5%"],
            "warning": ["error_rate > 1%"],
            "rules": {"Down": {"expr": "up == 0"}},
        },
        "slo": {"web": {"service": "web", "objective": "99.9%"}},
    }
)
SOURCE = source_of(
    RuleTest.model_validate(
        {"name": "past", "input_series": [{"series": "up", "values": "1x4000 0x99 1x900"}]}
    )
)


async def test_the_whole_span_is_looked_at_where_there_is_time() -> None:
    """Each rule, from the first moment to the last."""
    rules = chosen(rules_in(CONFIG), "Down").rules

    past = await replay_rules(
        rules, SOURCE, Span(0, 5000 * MINUTE_MS, MINUTE_MS), is_late=lambda: False
    )

    [(rule, found)] = past.rules
    assert not past.is_cut
    assert rule.name == "Down"
    assert (found.looks, len(found.fired)) == (5001, 1)
    assert found.fired[0].from_ms == 4001 * MINUTE_MS


async def test_without_time_for_all_the_newest_part_is_looked_at() -> None:
    """And it is told that it is cut."""
    rules = [each for each in rules_in(CONFIG).rules if each.name == "Down"] * 10
    asked = 0

    def is_late() -> bool:
        nonlocal asked
        asked += 1
        return asked > 100

    span = Span(0, 100_000 * MINUTE_MS, MINUTE_MS)
    past = await replay_rules(rules, SOURCE, span, is_late=is_late)
    nothing = await replay_rules(rules, SOURCE, span, is_late=lambda: True)

    assert past.is_cut
    assert 0 < past.span.start_ms < past.span.end_ms == span.end_ms
    assert len(past.rules) == 10
    assert nothing.rules == ()
    assert nothing.is_cut


def test_rules_of_a_file_are_all_that_a_suite_looks_at() -> None:
    """Those of the store and of objectives included."""
    names = {each.name for each in rules_in(CONFIG).rules}

    assert {"ErrorRateCritical", "Down", "MetricsStoreFull", "SloBurnFast_web"} <= names


def test_one_rule_comes_with_those_that_can_hide_it() -> None:
    """Without them nobody could tell who is told."""
    rules = rules_in(CONFIG)

    names = [each.name for each in chosen(rules, "ErrorRateWarning").rules]

    assert names == ["ErrorRateWarning", "ErrorRateCritical"]
    assert [each.name for each in chosen(rules, "ErrorRateCritical").rules] == ["ErrorRateCritical"]
    with pytest.raises(NotFoundError, match="did you mean `Down`"):
        chosen(rules, "Downs")


def test_a_span_is_looked_at_as_often_as_the_suite_looks() -> None:
    """And no more than a replay can, however long it is."""
    slow = CONFIG.model_copy(
        update={"alerts": CONFIG.alerts.model_copy(update={"evaluation_interval": 90.0})}
    )

    assert span_of(CONFIG, 1, 10 * MINUTE_MS) == Span(MINUTE_MS, 10 * MINUTE_MS, MINUTE_MS)
    assert span_of(slow, 0, 10 * MINUTE_MS).step_ms == 2 * MINUTE_MS
    assert span_of(CONFIG, 0, 3 * MAX_LOOKS * MINUTE_MS).looks <= MAX_LOOKS
