import pytest

from intertie.errors import IntertieError
from intertie.monitor.replay import Fired, replay
from intertie.monitor.rule_tests import source_of
from intertie.monitor.rules import AlertRule
from intertie.suite.rule_tests import RuleTest
from tests.monitor import tiny

pytestmark = pytest.mark.anyio

MINUTE_MS = 60_000
RULE = AlertRule("Down", "up == 0", "up == 0", for_ms=MINUTE_MS)
SOURCE = source_of(
    RuleTest.model_validate(
        {
            "name": "past",
            "input_series": [
                {"series": 'up{job="a"}', "values": "1 0 0 0 1 0 1 0 0"},
                {"series": 'up{job="b"}', "values": "1x3 0x9"},
            ],
        }
    )
)


async def test_each_time_that_an_alert_would_have_fired_is_told() -> None:
    """In the order of their beginning, with their end where they had one."""
    a, b = ((("alertname", "Down"), ("job", job)) for job in "ab")

    past = await replay(RULE, tiny.over(SOURCE), 0, end_ms=8 * MINUTE_MS, step_ms=MINUTE_MS)

    assert [(each.labels, each.from_ms, each.to_ms) for each in past.fired] == [
        (a, 2 * MINUTE_MS, 4 * MINUTE_MS),
        (b, 5 * MINUTE_MS, None),
        (a, 8 * MINUTE_MS, None),
    ]
    series = (("job", "a"),)
    assert past.fired[0] == Fired(a, 2 * MINUTE_MS, 4 * MINUTE_MS, 0.0, series)
    assert [past.states[labels].phase for labels in (a, b)] == ["firing", "firing"]


async def test_an_endless_replay_is_refused() -> None:
    """With what to do."""
    with pytest.raises(IntertieError, match="take a longer step or a shorter time"):
        await replay(RULE, tiny.over(SOURCE), 0, end_ms=10**12, step_ms=1)
