import pytest
from pydantic import ValidationError

from intertie.suite.monitoring import Monitoring


def test_the_defaults_are_those_of_the_guides() -> None:
    """An empty table measures each minute and keeps 7, 30 and 365 days."""
    found = Monitoring()

    kept = found.metrics_collection.retention
    days = [kept.high_resolution, kept.medium_resolution, kept.low_resolution]
    assert found.metrics_collection.interval == 60
    assert [each / 86400 for each in days] == [7, 30, 365]
    levels = found.alert_integration.severity_levels
    told = {
        name: (each.notification_interval, each.escalation_timeout) for name, each in levels.items()
    }
    assert told == {"critical": (300, 1800), "warning": (1800, 7200)}


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"alert_integration": {"channels": ["mail"]}}, "names 'mail'"),
        ({"metrics_collection": {"interval": 0.5}}, "greater than or equal to 1"),
        ({"metrics_collection": {"scrape": {"a": {}}}}, "either `service` or `url`"),
        ({"channels": {"a": {"kind": "pigeon"}}}, "does not match any of the expected tags"),
        (
            {"channels": {"a": {"kind": "slack", "url": "u", "template": "b"}}},
            "`a` names template 'b', which `templates` does not have",
        ),
        ({"templates": {"a": {"subject": "x" * 1001}}}, "at most 1000 characters"),
        ({"alerts": {"rules": {"a b": {"expr": "up"}}}}, "should match pattern"),
    ],
)
def test_what_cannot_be_is_refused(told: dict[str, object], why: str) -> None:
    """With the reason."""
    with pytest.raises(ValidationError, match=why):
        Monitoring.model_validate(told)


def test_one_expression_needs_no_list() -> None:
    """Nor does one channel."""
    found = Monitoring.model_validate(
        {
            "alerts": {"critical": "error_rate > 5%"},
            "channels": {"hook": {"kind": "webhook", "url": "http://127.0.0.1/"}},
            "alert_integration": {"channels": "hook"},
        }
    )

    assert found.alerts.critical == ("error_rate > 5%",)
    assert found.alert_integration.channels == ("hook",)
