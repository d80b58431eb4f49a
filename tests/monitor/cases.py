"""Alerts, silences and suites of the tests about notices."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from intertie.monitor.sample import Matcher
from intertie.monitor.stages import Alert, Silence
from intertie.suite.monitoring import Monitoring

NOW = datetime(2025, 3, 5, 12, tzinfo=UTC)
SLACK = {"kind": "slack", "url": "https://hooks.example/x"}


def minutes(count: float) -> timedelta:
    """So long."""
    return timedelta(minutes=count)


def alert(name: str = "DiskFull", severity: str = "critical", **labels: str) -> Alert:
    """One that fires since noon."""
    return Alert({"alertname": name, "severity": severity, **labels}, NOW)


def silence(*matchers: Matcher, id: str = "1", tenant: str = "", lasts: float = 60) -> Silence:
    """By Ann, from noon on, for so many minutes."""
    return Silence(id, matchers, NOW, NOW + minutes(lasts), "ann", "disk swap", tenant)


def monitoring(alerts: Mapping[str, object] | None = None, **integration: object) -> Monitoring:
    """Tells `team` each 5 minutes and `boss` after 30; warnings each 30 minutes and after 120."""
    return Monitoring.model_validate(
        {
            "channels": {"team": SLACK, "boss": SLACK},
            "alerts": alerts or {},
            "alert_integration": {"channels": "team", "escalate_to": "boss", **integration},
        }
    )
