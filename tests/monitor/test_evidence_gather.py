"""Why alerts fire, gathered at the look that made them fire."""

from datetime import UTC, datetime

import pytest

from intertie.monitor.evidence import Measured
from intertie.monitor.evidence_gather import MOST_ALERTS, gather
from intertie.monitor.rule_look import look
from intertie.monitor.rule_query import over
from intertie.monitor.rule_tests import source_of
from intertie.monitor.rules import AlertRule
from intertie.monitor.stages import Alert
from intertie.monitor.states import Transition, step
from intertie.suite.rule_tests import RuleTest

pytestmark = pytest.mark.anyio

RULE = AlertRule("Down", "up == 0", "up == 0")
MANY = source_of(
    RuleTest.model_validate(
        {
            "name": "x",
            "input_series": [
                {"series": f'up{{job="j{n:02}"}}', "values": "1 0"} for n in range(60)
            ],
        }
    )
)


async def begun() -> list[tuple[Alert, Transition]]:
    """Sixty alerts at once."""
    outcome = await look(RULE, over(MANY), 60_000)
    _, moved = step(RULE, {}, outcome, 60_000)
    return [(Alert(dict(each.labels), datetime.now(UTC)), each) for each in moved]


async def test_the_samples_of_an_alert_come_first() -> None:
    """With the value that the expression gave, and since when it holds."""
    found = await gather(RULE, await begun(), MANY, 60_000)

    assert len(found) == MOST_ALERTS
    assert found[7].samples[0] == Measured('up{job="j07"}', 60_000, "0.0")
    assert len(found[7].samples) == 20
    assert (found[7].value, found[7].at_ms, found[7].active_at_ms) == ("0.0", 60_000, 60_000)


async def test_nothing_is_read_where_nothing_began() -> None:
    """And an expression that fails stops nobody from being told."""
    broken = AlertRule("Odd", "sum(up", "sum(up")

    assert await gather(RULE, [], MANY, 60_000) == []
    assert await gather(broken, await begun(), MANY, 60_000) == []
