import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from intertie.errors import IntertieError
from intertie.monitor.records import recording_rules
from intertie.monitor.rule_files import duration, from_prometheus, to_prometheus, to_promtool
from intertie.monitor.rule_tests import run_one
from intertie.monitor.rules import AlertRule, rules_of
from intertie.suite.monitoring import Alarming, Rule
from intertie.suite.records import Record
from intertie.suite.rule_tests import RuleTest
from tests.monitor import tiny

ALARMING = Alarming.model_validate(
    {
        "critical": ["error_rate > 5%", "response_time_p95 > 1000ms", "queue_length > 1000"],
        "warning": ["error_rate > 1%", "cpu_usage > 90%", "disk_usage > 90%", "service_up == 0"],
        "rules": {
            "Down": {
                "expr": "up == 0",
                "for": "90s",
                "keep_firing_for": "1h30m",
                "recovery": "up == 1",
                "no_data": "alert",
                "severity": "critical",
                "labels": {"team": 'it\'s: "ours"', "job": "{{ $labels.job }}"},
                "annotations": {"summary": "{{ $labels.job }} is {{ $value }}\nnow"},
            }
        },
    }
)
RULES = rules_of(ALARMING).rules


def test_a_rule_file_says_all_of_a_rule_that_prometheus_knows() -> None:
    """What it does not know is told on top, not dropped in silence."""
    text = to_prometheus(RULES, interval_ms=15_000)

    group = YAML(typ="safe", pure=True).load(text)["groups"][0]
    assert group["interval"] == "15s"
    assert [each["alert"] for each in group["rules"]] == [rule.name for rule in RULES]
    assert group["rules"][-1] == {
        "alert": "Down",
        "expr": "up == 0",
        "for": "1m30s",
        "keep_firing_for": "1h30m",
        "labels": {
            "job": "{{ $labels.job }}",
            "severity": "critical",
            "team": 'it\'s: "ours"',
        },
        "annotations": {"summary": "{{ $labels.job }} is {{ $value }}\nnow"},
    }
    assert text.splitlines()[:2] == [
        "# Not said here: Down ends only once `up == 1`",
        "# Not said here: Down: no data is an alert of its own",
    ]


def test_what_is_exported_is_imported_as_it_was() -> None:
    """But for what the file cannot say."""
    down = ALARMING.rules["Down"].model_copy(update={"recovery": None, "no_data": "ok"})

    imported = from_prometheus(to_prometheus(RULES))

    assert imported.notes == ("group intertie: interval is left out",)
    assert imported.rules["Down"] == down
    assert {name: rule.expr for name, rule in imported.rules.items()} == {
        rule.name: rule.expr for rule in RULES
    }
    assert rules_of(Alarming(rules=dict(imported.rules))).rules


RECORDS = recording_rules(
    {
        "job:up:all": Record(expr="sum(job:up:sum)", labels={"team": "a"}),
        "job:up:sum": Record(expr="sum by (job) (up)"),
    }
)


def test_recording_rules_come_first_and_go_both_ways() -> None:
    """Each after those that it reads, in the one group that Prometheus evaluates in order."""
    text = to_prometheus(RULES, RECORDS)

    rules = YAML(typ="safe", pure=True).load(text)["groups"][0]["rules"]
    imported = from_prometheus(text)

    assert rules[:2] == [
        {"record": "job:up:sum", "expr": "sum by (job) (up)"},
        {"record": "job:up:all", "expr": "sum(job:up:sum)", "labels": {"team": "a"}},
    ]
    assert recording_rules(imported.records) == RECORDS


def test_a_record_that_cannot_be_taken_is_told() -> None:
    """A second one of a name is left out, and noted; one with a faulty label is refused."""
    twice = "groups: [{name: a, rules: [{record: a, expr: x}, {record: a, expr: y}]}]"
    faulty = "groups: [{name: a, rules: [{record: a, expr: x, labels: {a-b: c}}]}]"

    assert from_prometheus(twice).notes == (
        "a: it is recorded twice; the second, `y`, is left out",
    )
    with pytest.raises(IntertieError, match="cannot read rule 'a'"):
        from_prometheus(faulty)


def test_what_cannot_be_imported_is_noted_by_name() -> None:
    """Nothing is lost unseen, and the rest is usable."""
    imported = from_prometheus(
        """
groups:
- name: any
  interval: 30s
  rules:
  - {record: "job:up:sum", expr: sum by (job) (up)}
  - alert: HighLoad
    expr: load > 5
    for: 1w1d
    labels: {severity: warning, team: 5}
    annotations: {summary: "{{ $value | humanize }}", text: "{{ $labels }}"}
  - {alert: HighLoad, expr: load > 9, labels: {severity: critical}}
  - {alert: HighLoad, expr: load > 99, for: 0, labels: {severity: critical}}
  - {alert: Too high!, expr: load > 9, labels: {severity: page}}
  - {alert: NoData, expr: absent(up)}
"""
    )

    assert imported.notes == (
        "group any: interval is left out",
        "HighLoad: summary is left out; cannot read text '{{ $value | humanize }}': "
        "`{{ $value | humanize }}` is not known; "
        'write {{ $value }}, {{ printf "%.2f" $value }}, {{ $labels.name }} or {{ $labels }}',
        "HighLoad: its alerts are called HighLoadCritical here",
        "HighLoad: its alerts are called HighLoadCritical_2 here",
        "Too high!: its alerts are called Too_high_ here",
        "Too_high_: severity 'page' is not known here; it is a warning",
        "NoData: its alerts are called Alert_NoData here",
    )
    assert imported.rules["HighLoad"] == Rule.model_validate(
        {
            "expr": "load > 5",
            "for": "8d",
            "labels": {"team": "5"},
            "annotations": {"text": "{{ $labels }}"},
        }
    )
    assert imported.rules["HighLoadCritical"].severity == "critical"
    assert list(imported.rules)[-1] == "Alert_NoData"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("groups: [", "cannot read the rule file: it is no YAML"),
        ("[]", "cannot read the rule file: groups"),
        ("- a", "cannot read the rule file: file: Input should be"),
        ("groups: [{name: a, rules: [{alert: A}]}]", "groups.0.rules.0.expr: Field required"),
        (
            "groups: [{name: a, rules: [{alert: A, expr: up, for: soon}]}]",
            "cannot read rule A: 'soon' is no duration, such as 5m",
        ),
        (
            "groups: [{name: a, rules: [{alert: A, expr: up, labels: {a-b: c}}]}]",
            "cannot read rule A: labels.a-b",
        ),
    ],
)
def test_what_is_no_rule_file_is_refused_with_its_place(text: str, told: str) -> None:
    """As all that people wrote."""
    if text == "[]":
        assert from_prometheus(text).rules == {}
        return
    with pytest.raises(IntertieError) as caught:
        from_prometheus(text)

    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("ms", "text"),
    [(0, "0s"), (90_000, "1m30s"), (5_400_000, "1h30m"), (1_500, "1s500ms"), (86_400_000, "1d")],
)
def test_durations_are_written_as_prometheus_does(ms: int, text: str) -> None:
    """The largest unit first, each whole."""
    assert duration(ms) == text


@pytest.mark.slow
def test_promtool_takes_the_rule_file(tmp_path: Path) -> None:
    """Each of its rules, the short ones too."""
    file = tmp_path / "rules.yaml"
    file.write_text(to_prometheus(RULES, RECORDS))

    checked = subprocess.run(
        ["promtool", "check", "rules", file], capture_output=True, text=True, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(RULES) + len(RECORDS)} rules found" in checked.stdout


TEST = RuleTest.model_validate(
    {
        "name": "services go down",
        "interval": "30s",
        "input_series": [
            {"series": 'up{job="a"}', "values": "1 0x6 stale 0 1"},
            {"series": 'up{job="b", path="x\\"y"}', "values": "0 _x12 1-0.25x4"},
        ],
        "alert_rule_test": [
            {"eval_time": "1m", "alertname": "Down"},
            {
                "eval_time": "125s",
                "alertname": "Down",
                "exp_alerts": [
                    {
                        "labels": {"job": "a", "severity": "critical"},
                        "annotations": {"summary": "a is 0"},
                    },
                    {
                        "labels": {"job": "b", "path": 'x"y', "severity": "critical"},
                        "annotations": {"summary": "b is 0"},
                    },
                ],
            },
            {"eval_time": "1m", "alertname": "Always", "exp_alerts": [{"labels": {"job": "a"}}]},
        ],
    }
)
TESTED = (
    AlertRule(
        "Down",
        "up == 0",
        "up == 0",
        for_ms=90_000,
        labels=(("severity", "critical"),),
        annotations=(("summary", "{{ $labels.job }} is {{ $value }}"),),
    ),
    AlertRule("Always", "up >= 1", "up >= 1", keep_firing_for_ms=60_000),
)


def test_an_expectation_that_promtool_cannot_have_is_noted() -> None:
    """It would want to know the text."""
    test = RuleTest.model_validate(
        {
            "name": "open",
            "alert_rule_test": [{"eval_time": 0, "alertname": "Down", "exp_alerts": [{}]}],
        }
    )

    text = to_promtool([test], TESTED, rule_file="rules.yaml")

    assert text.startswith("# Not said here: Down at 0s: promtool cannot expect this\n")


@pytest.mark.slow
@pytest.mark.anyio
async def test_promtool_runs_tests_of_rules_to_the_same_end(tmp_path: Path) -> None:
    """One that passes here passes there; one that fails here fails there."""
    (tmp_path / "rules.yaml").write_text(to_prometheus(TESTED, interval_ms=30_000))
    bad = TEST.model_copy(update={"alert_rule_test": TEST.alert_rule_test[1:]})
    bad = bad.model_copy(
        update={"alert_rule_test": (bad.alert_rule_test[0].model_copy(update={"eval_time": 60.0}),)}
    )

    for test, passes in ((TEST, True), (bad, False)):
        file = tmp_path / "test.yaml"
        file.write_text(to_promtool([test], TESTED, rule_file="rules.yaml"))
        theirs = subprocess.run(  # noqa: ASYNC221 — nothing else runs here
            ["promtool", "test", "rules", file], capture_output=True, text=True, check=False
        )
        ours = await run_one(test, TESTED, tiny.over)

        assert ours.passed is passes, str(ours)
        assert (theirs.returncode == 0) is passes, theirs.stdout + theirs.stderr
