import subprocess
from pathlib import Path

import pytest

from intertie.errors import IntertieError
from intertie.monitor import rule_query
from intertie.monitor.promql.query import Options
from intertie.monitor.rule_files import to_prometheus, to_promtool
from intertie.monitor.rule_look import Evaluate
from intertie.monitor.rule_tests import FiringAlert, run_one, source_of
from intertie.monitor.rules import rules_of
from intertie.monitor.sample import Source
from intertie.monitor.sugar import compile_rule_text
from intertie.suite.monitoring import Alarming
from intertie.suite.rule_tests import RuleTest

pytestmark = pytest.mark.anyio

MINUTE_MS = 60_000
SERIES = RuleTest.model_validate(
    {
        "name": "some",
        "input_series": [
            {"series": 'up{job="a"}', "values": "1 0"},
            {"series": 'gone{job="a"}', "values": "1 stale"},
        ],
    }
)


def like_promtool(source: Source) -> Evaluate:
    """Version 2.42 counts a sample at the open end too."""
    return rule_query.over(source, options=Options(closed=True))


async def test_series_are_told_with_their_labels_and_name() -> None:
    """Where the expression keeps the name; a number is a series without labels."""
    evaluate = rule_query.over(source_of(SERIES))

    assert await evaluate("up == 0", MINUTE_MS) == [((("__name__", "up"), ("job", "a")), 0.0)]
    assert await evaluate("sum(up)", 0) == [((), 1.0)]
    assert await evaluate("1 + 1", 0) == [((), 2.0)]


@pytest.mark.parametrize(
    ("expr", "at_ms", "expected"),
    [
        ("up > 5", MINUTE_MS, []),
        ("nothing > 5", MINUTE_MS, None),
        ("up > 5", 60 * MINUTE_MS, None),
        ("gone > 5", 0, []),
        ("gone > 5", MINUTE_MS, None),
        ("nothing > 5 or up > 5", MINUTE_MS, []),
        ("absent(nothing)", MINUTE_MS, [((), 1.0)]),
        ("vector(1) > 5", MINUTE_MS, []),
    ],
)
async def test_nothing_to_read_is_not_the_same_as_nothing_found(
    expr: str, at_ms: int, expected: object
) -> None:
    """A series that has ended is nothing to read."""
    assert await rule_query.over(source_of(SERIES))(expr, at_ms) == expected


@pytest.mark.parametrize("expr", ["up ==", "nosuch(up)", '"text"'])
async def test_what_cannot_be_a_rule_is_an_error(expr: str) -> None:
    """Fit to be shown."""
    with pytest.raises(IntertieError, match="cannot "):
        await rule_query.over(source_of(SERIES))(expr, 0)


RULES = rules_of(
    Alarming.model_validate(
        {
            "critical": ["error_rate > 5%", "response_time_p95 > 1000ms", "service_up == 0"],
            "warning": ["error_rate > 1%", "cpu_usage > 90%", "disk_usage > 90%"],
            "rules": {
                "Slow": {
                    "expr": "response_time_p50 > 300ms",
                    "for": "2m",
                    "annotations": {"summary": '{{ printf "[%.3g%%]" $value }}'},
                },
                "Queue": {"expr": "queue_length >= 1000", "keep_firing_for": "2m"},
                "Memory": {"expr": "service_memory > 512MB"},
            },
        }
    )
).rules
BUCKET = "intertie_http_request_duration_seconds_bucket"
REQUESTS = "intertie_http_requests_total"
WORDS = RuleTest.model_validate(
    {
        "name": "words",
        "input_series": [
            {"series": f'{REQUESTS}{{service="a", status="200"}}', "values": "0+97x20"},
            {"series": f'{REQUESTS}{{service="a", status="503"}}', "values": "0+3x20"},
            {"series": f'{REQUESTS}{{service="b", status="200"}}', "values": "0+50x20"},
            {"series": f'{REQUESTS}{{service="c", status="200"}}', "values": "0+50x20"},
            {"series": f'{REQUESTS}{{service="c", status="500"}}', "values": "0+50x20"},
            {"series": f'{BUCKET}{{service="a", le="0.5"}}', "values": "0+50x20"},
            {"series": f'{BUCKET}{{service="a", le="1"}}', "values": "0+60x20"},
            {"series": f'{BUCKET}{{service="a", le="2.5"}}', "values": "0+99x20"},
            {"series": f'{BUCKET}{{service="a", le="+Inf"}}', "values": "0+99x20"},
            {"series": f'{BUCKET}{{service="b", le="0.5"}}', "values": "0+50x20"},
            {"series": f'{BUCKET}{{service="b", le="+Inf"}}', "values": "0+50x20"},
            {"series": 'intertie_service_up{service="a"}', "values": "1x5 0x14"},
            {"series": "intertie_cpu_usage_ratio", "values": "0.1+0.1x20"},
            {"series": 'intertie_disk_usage_ratio{mount="/"}', "values": "0.95x20"},
            {"series": 'intertie_bus_pending{group="g"}', "values": "0 1000x8 999x10"},
            {"series": 'intertie_service_memory_bytes{service="a"}', "values": "536870913x20"},
        ],
    }
)
FIRING = {
    "ErrorRateCritical": {"c"},
    "ErrorRateWarning": {"a", "c"},
    "ResponseTimeP95Critical": {"a"},
    "Slow": {"a"},
    "ServiceUpCritical": {"a"},
    "CpuUsageWarning": {""},
    "DiskUsageWarning": {"/"},
    "Queue": {"g"},
    "Memory": {"a"},
}


async def test_a_service_without_errors_has_an_error_rate_of_nothing() -> None:
    """Not an unknown one: an alert that waits for `error_rate < 1%` ends."""
    expr = compile_rule_text("error_rate < 1%").promql

    found = await rule_query.over(source_of(WORDS))(expr, 10 * MINUTE_MS)

    assert found == [((("service", "b"),), 0.0)]


@pytest.mark.slow
async def test_words_mean_the_same_to_promtool_to_the_last_letter(tmp_path: Path) -> None:
    """Who fires at ten minutes, and the texts: what we got is what promtool expects to get."""
    asked = [{"eval_time": "10m", "alertname": name} for name in FIRING]
    test = WORDS.model_copy(update={"alert_rule_test": _asked(asked)})
    report = await run_one(test, RULES, like_promtool)
    got = {each.alertname: each.got for each in report.differences}
    firing = {name: {_about(alert) for alert in got.get(name, ())} for name in FIRING}

    full = [
        {
            **each,
            "exp_alerts": [
                {"labels": dict(alert.labels), "annotations": dict(alert.annotations or ())}
                for alert in got.get(each["alertname"], ())
            ],
        }
        for each in asked
    ]
    (tmp_path / "rules.yaml").write_text(to_prometheus(RULES))
    exact = WORDS.model_copy(update={"alert_rule_test": _asked(full)})
    (tmp_path / "test.yaml").write_text(to_promtool([exact], RULES, rule_file="rules.yaml"))
    theirs = subprocess.run(  # noqa: ASYNC221 — nothing else runs here
        ["promtool", "test", "rules", tmp_path / "test.yaml"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert theirs.returncode == 0, theirs.stdout + theirs.stderr
    assert "Not said here" not in (tmp_path / "test.yaml").read_text()
    assert firing == FIRING


def _asked(told: object) -> object:
    return RuleTest.model_validate({"name": "x", "alert_rule_test": told}).alert_rule_test


def _about(alert: FiringAlert) -> str:
    found = [text for name, text in alert.labels if name in {"service", "mount", "group"}]
    return found[0] if found else ""
