"""Whom alerts of the past would have told."""

from datetime import UTC, datetime

from intertie.monitor.replay import Fired
from intertie.monitor.replay_told import tellings
from intertie.monitor.rules import Labels
from intertie.suite.monitoring import Inhibition, Monitoring

MINUTE_MS = 60_000


def config(**alerts: object) -> Monitoring:
    """Each ten minutes, and others after an hour."""
    level = {"notification_interval": "10m", "escalation_timeout": "1h"}
    return Monitoring.model_validate(
        {
            "alerts": alerts,
            "channels": {
                name: {"kind": "webhook", "url": "http://127.0.0.1:9/"} for name in ("a", "b")
            },
            "alert_integration": {
                "channels": "a",
                "escalate_to": "b",
                "severity_levels": {"critical": level, "warning": level},
            },
        }
    )


def labels(name: str, severity: str = "warning") -> Labels:
    """Of an alert."""
    return (("alertname", name), ("severity", severity))


def test_notices_come_as_they_would_have_come() -> None:
    """First, again and again, to others too, and that it is over."""
    fired = [Fired(labels("Down"), 0, 65 * MINUTE_MS, 1.0)]

    found = tellings(fired, config(), (), end_ms=90 * MINUTE_MS)

    kinds = [(each.at.minute + 60 * each.at.hour, each.kind) for each in found.told[0]]
    assert kinds == [
        (0, "first"),
        *((n, "repeat") for n in (10, 20, 30, 40, 50, 60)),
        (60, "escalation"),
        (65, "resolved"),
    ]
    assert found.told[0][0].channels == ("a",)
    assert found.told[0][-2].channels == ("b",)
    assert found.notices == 9
    assert not found.is_cut


def test_what_is_held_back_is_told_with_its_reason() -> None:
    """An alert that another one explains, and one in a window without notices."""
    hides = Inhibition(source={"alertname": "Dead"}, target={"alertname": "Slow"})
    fired = [
        Fired(labels("Dead", "critical"), 0, 5 * MINUTE_MS, 1.0),
        Fired(labels("Slow"), MINUTE_MS, 4 * MINUTE_MS, 1.0),
    ]

    hidden = tellings(fired, config(), (hides,), end_ms=10 * MINUTE_MS)
    muted = tellings(
        fired[:1],
        config(mute={"night": {"schedule": "0 0 * * *", "duration": "1h"}}),
        (),
        end_ms=10 * MINUTE_MS,
    )

    assert [len(each) for each in hidden.told] == [2, 0]
    assert hidden.held[1][0][0] == "inhibit"
    assert muted.told == ((),)
    assert muted.held[0][0][0] == "mute"


def test_a_second_time_is_told_of_itself() -> None:
    """Of the same labels, each firing with its own notices."""
    fired = [
        Fired(labels("Down"), at * MINUTE_MS, (at + 2) * MINUTE_MS, 1.0) for at in (0, 100, 200)
    ]

    found = tellings(fired, config(), (), end_ms=300 * MINUTE_MS)

    assert [[each.kind for each in told] for told in found.told] == [["first", "resolved"]] * 3
    assert found.told[2][0].at == datetime(1970, 1, 1, 3, 20, tzinfo=UTC)
