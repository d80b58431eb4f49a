"""What the strategy guide asks to be measured and told, value by value."""

import pytest

from intertie.monitor.promql.query import compile as compiled
from intertie.monitor.rules import rules_of
from intertie.suite.monitoring import Monitoring

CRITICAL = (
    "error_rate > 5%",
    "response_time_p95 > 1000ms",
    "cpu_usage > 90%",
    "memory_usage > 95%",
)
WARNING = (
    "error_rate > 1%",
    "response_time_p95 > 500ms",
    "cpu_usage > 80%",
    "memory_usage > 85%",
)


def monitoring() -> Monitoring:
    """As the guide has it, below `monitoring`."""
    return Monitoring.model_validate(
        {
            "metrics_collection": {
                "interval": 60,
                "retention": {
                    "high_resolution": "7d",
                    "medium_resolution": "30d",
                    "low_resolution": "365d",
                },
                "aggregation": {
                    "functions": ["avg", "max", "min", "95percentile"],
                    "intervals": ["1m", "5m", "1h", "1d"],
                },
            },
            "alerts": {"critical": CRITICAL, "warning": WARNING},
            "channels": {
                "email": {"kind": "email", "sender": "a@example.com", "to": "b@example.com"},
                "slack": {"kind": "slack", "url": "${secret:slack}"},
                "push_notification": {"kind": "push_notification", "url": "${secret:push}"},
            },
            "alert_integration": {
                "channels": ["email", "slack", "push_notification"],
                "severity_levels": {
                    "critical": {"notification_interval": 300, "escalation_timeout": 1800},
                    "warning": {"notification_interval": 1800, "escalation_timeout": 7200},
                },
            },
        }
    )


def test_its_rules_are_rules() -> None:
    """Each has a name of its own, and PromQL that can be answered."""
    rules = rules_of(monitoring().alerts).rules

    assert tuple(rule.shown for rule in rules) == (*CRITICAL, *WARNING)
    assert len({rule.name for rule in rules}) == 8
    for rule in rules:
        compiled(rule.expr)


def test_a_critical_alert_hides_the_warning_about_the_same() -> None:
    """One notice for one trouble."""
    inhibitions = rules_of(monitoring().alerts).inhibitions

    pairs = {(each.source["alertname"], each.target["alertname"]) for each in inhibitions}
    assert pairs == {
        ("ErrorRateCritical", "ErrorRateWarning"),
        ("ResponseTimeP95Critical", "ResponseTimeP95Warning"),
        ("CpuUsageCritical", "CpuUsageWarning"),
        ("MemoryUsageCritical", "MemoryUsageWarning"),
    }


@pytest.mark.parametrize(
    ("severity", "interval_s", "escalation_s"), [("critical", 300, 1800), ("warning", 1800, 7200)]
)
def test_its_severities_are_told_as_it_says(
    severity: str, interval_s: float, escalation_s: float
) -> None:
    """In seconds."""
    levels = {
        str(name): each for name, each in monitoring().alert_integration.severity_levels.items()
    }

    assert levels[severity].notification_interval == interval_s
    assert levels[severity].escalation_timeout == escalation_s
