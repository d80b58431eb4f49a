import pytest
from pydantic import ValidationError

from intertie.monitor.records import RecordingRule
from intertie.monitor.rule_query import over as promql_over
from intertie.monitor.rule_tests import run, run_one
from intertie.monitor.rules import AlertRule
from intertie.suite.rule_tests import RuleTest
from tests.monitor import tiny

pytestmark = pytest.mark.anyio

DOWN = AlertRule(
    "Down",
    "up == 0",
    "up == 0",
    for_ms=120_000,
    labels=(("severity", "warning"),),
    annotations=(("summary", "{{ $labels.job }} is down"),),
)
FIRES = {"labels": {"job": "a", "severity": "warning"}}


def written(*expected: tuple[str, list[object]], values: str = "1 0x5 1") -> RuleTest:
    """A test of `DOWN`, as a suite file has it."""
    return RuleTest.model_validate(
        {
            "name": "a service is down",
            "interval": "1m",
            "input_series": [{"series": 'up{job="a"}', "values": values}],
            "alert_rule_test": [
                {"eval_time": at, "alertname": "Down", "exp_alerts": alerts}
                for at, alerts in expected
            ],
        }
    )


async def test_a_test_passes_when_what_fires_is_what_is_expected() -> None:
    """At each time, in whatever order they are written, between two looks as at the last."""
    told = {**FIRES, "annotations": {"summary": "a is down"}}
    test = written(("7m", []), ("3m", [told]), ("2m59s", []), ("3m30s", [FIRES]), ("0s", []))

    report = await run_one(test, [DOWN], tiny.over)

    assert report.passed, str(report)
    assert str(report) == "a service is down: passed"


async def test_a_failed_test_tells_what_was_expected_and_what_was_got() -> None:
    """Missing ones, those too many, and those with other texts."""
    wrong = {**FIRES, "annotations": {"summary": "all is well"}}
    test = written(("1m", [FIRES]), ("3m", []), ("4m", [wrong]), ("5m", [FIRES]))

    (report,) = await run([test], [DOWN], tiny.over)

    assert not report.passed
    assert str(report) == "\n".join(
        [
            "a service is down: failed",
            "  Down at 60s:",
            "    expected: {job='a', severity='warning'}",
            "    got: no alert",
            "  Down at 180s:",
            "    expected: no alert",
            "    got: {job='a', severity='warning'} summary='a is down'",
            "  Down at 240s:",
            "    expected: {job='a', severity='warning'} summary='all is well'",
            "    got: {job='a', severity='warning'} summary='a is down'",
        ]
    )


async def test_no_data_can_be_expected() -> None:
    """It is an alert about the rule, not of it."""
    rule = AlertRule("Down", "up == 0", "up == 0", no_data="alert")
    test = RuleTest.model_validate(
        {
            "name": "no data",
            "input_series": [{"series": "up", "values": "1 stale _"}],
            "alert_rule_test": [
                {"eval_time": "0m", "alertname": "NoData"},
                {
                    "eval_time": "1m",
                    "alertname": "NoData",
                    "exp_alerts": [{"labels": {"rule": "Down", "severity": "warning"}}],
                },
                {"eval_time": "1m", "alertname": "Down"},
            ],
        }
    )

    report = await run_one(test, [rule], tiny.over)

    assert report.passed, str(report)


@pytest.mark.parametrize(
    ("test", "told"),
    [
        (written(("1m", []), values="1 2 three"), "cannot read values `1 2 three`"),
        (written(("3650d", [])), "takes more than 1000000 looks"),
        (
            RuleTest.model_validate(
                {"name": "x", "alert_rule_test": [{"eval_time": 0, "alertname": "Dawn"}]}
            ),
            "there is no rule 'Dawn'; did you mean `Down`?",
        ),
    ],
)
async def test_a_test_that_cannot_be_run_says_why(test: RuleTest, told: str) -> None:
    """And the others run all the same."""
    bad, good = await run([test, written(("1m", []))], [DOWN], tiny.over)

    assert not bad.passed
    assert told in str(bad)
    assert good.passed


async def test_a_rule_that_cannot_be_looked_at_fails_its_test() -> None:
    """Nothing fires then, which is not what a test wants to hear."""
    rule = AlertRule("Down", "absent(up)", "absent(up)")

    report = await run_one(written(("1m", [])), [rule], tiny.over)

    assert report.error.startswith("cannot look at rule Down at 0s: cannot evaluate absent(up)")


async def test_rules_may_look_at_what_is_recorded() -> None:
    """At each look before them, as in a suite that runs."""
    rule = AlertRule("Hot", "heat:max > 20", "heat:max > 20")
    record = RecordingRule("heat:max", "max(heat)", (("house", "x"),))
    test = RuleTest.model_validate(
        {
            "name": "hot",
            "interval": "1m",
            "input_series": [
                {"series": 'heat{room="a"}', "values": "10 30 10"},
                {"series": 'heat{room="b"}', "values": "15 15 15"},
            ],
            "alert_rule_test": [
                {"eval_time": 0, "alertname": "Hot"},
                {"eval_time": "1m", "alertname": "Hot", "exp_alerts": [{"labels": {"house": "x"}}]},
                {"eval_time": "2m", "alertname": "Hot"},
            ],
        }
    )

    (report,) = await run([test], [rule], promql_over, records=[record])

    assert report.passed, str(report)


def test_a_misspelt_key_is_a_fault() -> None:
    """As everywhere in the suite file."""
    with pytest.raises(ValidationError, match="exp_alert"):
        RuleTest.model_validate(
            {
                "name": "x",
                "alert_rule_test": [{"eval_time": 0, "alertname": "Down", "exp_alert": []}],
            }
        )
