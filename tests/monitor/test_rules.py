import pytest

from intertie.errors import IntertieError
from intertie.monitor.rules import AlertRule, Rules, labels_of, rules_of, with_own
from intertie.suite.monitoring import Alarming, Inhibition


def test_short_rules_are_named_by_their_word_and_severity() -> None:
    """The name stays the same, wherever the rule is written and whatever its threshold."""
    alarming = Alarming.model_validate(
        {
            "critical": ["error_rate > 5%", "response_time_p95 > 1000ms", "up == 0"],
            "warning": "error_rate > 1%",
        }
    )

    made = rules_of(alarming).rules

    assert [(rule.name, rule.severity, rule.labels) for rule in made] == [
        ("ErrorRateCritical", "critical", (("severity", "critical"),)),
        ("ResponseTimeP95Critical", "critical", (("severity", "critical"),)),
        ("UpCritical", "critical", (("severity", "critical"),)),
        ("ErrorRateWarning", "warning", (("severity", "warning"),)),
    ]
    assert made[1].shown == "response_time_p95 > 1000ms"
    assert made[1].expr.endswith(" > 1")
    assert dict(made[0].annotations)["summary"] == (
        "error_rate of service {{ $labels.service }} is "
        '{{ printf "%.2f%%" $value }}, rule: error_rate > 5%'
    )


def test_a_longer_expression_is_named_by_its_text() -> None:
    """So that other rules may come and go beside it."""
    text = "sum(rate(errors_total[5m])) > 1"

    alone = rules_of(Alarming(critical=(text,))).rules[0]
    beside = rules_of(Alarming(critical=("absent(up)", text))).rules[1]

    assert alone.name == beside.name
    assert alone.name.startswith("ExpressionCritical_")


def test_a_warning_is_hidden_by_the_critical_alert_about_the_same() -> None:
    """For the same service only; rules about other words are told beside it."""
    told = Inhibition(source={"alertname": "Down"}, target={"severity": "warning"})
    alarming = Alarming(
        critical=("error_rate > 5%", "cpu_usage > 95%"),
        warning=("error_rate > 1%", "memory_usage > 80%"),
        inhibit=(told,),
    )

    assert rules_of(alarming).inhibitions == (
        told,
        Inhibition(
            source={"alertname": "ErrorRateCritical"},
            target={"alertname": "ErrorRateWarning"},
            equal=("service",),
        ),
    )


def test_a_whole_rule_keeps_all_that_it_says() -> None:
    """Times in milliseconds, its recovery compiled as its expression is."""
    alarming = Alarming.model_validate(
        {
            "rules": {
                "Slow": {
                    "expr": "response_time_p95 > 1000ms",
                    "for": "5m",
                    "keep_firing_for": "90s",
                    "recovery": "response_time_p95 < 800ms",
                    "severity": "critical",
                    "labels": {"team": "web", "none": ""},
                    "annotations": {"summary": "{{ $labels.service }}: {{ $value }} s"},
                    "no_data": "alert",
                }
            }
        }
    )

    (rule,) = rules_of(alarming).rules

    assert rule.recovery == rule.expr.replace("> 1", "< 0.8")
    assert rule == AlertRule(
        name="Slow",
        expr=rule.expr,
        shown="response_time_p95 > 1000ms",
        for_ms=300_000,
        keep_firing_for_ms=90_000,
        recovery=rule.recovery,
        severity="critical",
        labels=(("severity", "critical"), ("team", "web")),
        annotations=(("summary", "{{ $labels.service }}: {{ $value }} s"),),
        no_data="alert",
    )


def test_every_rule_that_cannot_be_used_is_told_at_once() -> None:
    """With its name or its text, and what to do."""
    alarming = Alarming.model_validate(
        {
            "critical": ["eror_rate > 5%", "cpu_usage > 90%", "cpu_usage > 95%"],
            "rules": {
                "CpuUsageCritical": {"expr": "up == 0"},
                "NoData": {"expr": "up == 0"},
                "Labelled": {"expr": "up == 0", "labels": {"severity": "page"}},
                "Told": {"expr": "up == 0", "annotations": {"a": "{{ query }}"}},
                "Unit": {"expr": "up == 0", "recovery": "error_rate < 5ms"},
            },
        }
    )

    with pytest.raises(IntertieError) as caught:
        rules_of(alarming)

    lines = str(caught.value).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "cannot read rule `eror_rate > 5%`",
        "cannot use rule Labelled",
        "cannot use rule NoData",
        "cannot use rule Told",
        "cannot use rule Unit",
        "cannot use rule `cpu_usage > 95%`",
        "cannot use rule `up == 0`",
    ]
    assert lines[-2].endswith(
        "`cpu_usage > 90%` is CpuUsageCritical already; "
        "write one of them below `rules`, with a name of its own"
    )


def test_labels_have_one_order_and_the_last_word_wins() -> None:
    """A label without a value is none."""
    assert labels_of([("b", "1"), ("a", "2")], [("b", ""), ("c", "3")]) == (("a", "2"), ("c", "3"))


def test_monitoring_looks_at_itself_unless_the_suite_has_a_rule_of_that_name() -> None:
    """A store that is nearly full is told in any suite."""
    told = rules_of(Alarming.model_validate({"rules": {"MetricsStoreFull": {"expr": "up > 9"}}}))

    assert [each.name for each in with_own(Rules()).rules] == ["MetricsStoreFull"]
    assert [each.expr for each in with_own(told).rules] == ["up > 9"]
