"""Who would be called when, if nobody answered."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intertie.monitor.escalation import Ack
from intertie.monitor.notices import State, due
from intertie.monitor.rota_course import Call, course
from intertie.monitor.sample import Matcher
from intertie.monitor.stages import Alert, Silence
from intertie.suite.monitoring import Monitoring

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    """A moment in Berlin, on the clock that never changes."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN).astimezone(UTC)


def monitoring(**alerts: Any) -> Monitoring:
    """First the desk, then who is on call; handover each day at half past two."""
    names = ("desk", "ann_phone", "ben_phone")
    crew = {
        "timezone": "Europe/Berlin",
        "people": {"ann": {"channels": "ann_phone"}, "ben": {"channels": "ben_phone"}},
        "layers": {
            "night": {"people": ["ann", "ben"], "handover": "daily", "at": "02:30"},
        },
    }
    levels = {"critical": {"notification_interval": "30m", "escalation_timeout": "1h"}}
    return Monitoring.model_validate(
        {
            "channels": {name: {"kind": "slack", "url": "x"} for name in names},
            "on_call": {"crew": crew},
            "alerts": alerts,
            "alert_integration": {
                "channels": "desk",
                "escalate_to": "crew",
                "severity_levels": levels,
            },
        }
    )


def alert(start: datetime) -> Alert:
    """Critical, from then on."""
    return Alert({"alertname": "Full", "severity": "critical"}, start)


def replayed(start: datetime, until: datetime, config: Monitoring, state: State) -> list[Call]:
    """What alerting itself plans, asked whenever it wants to be, and each minute."""
    found: list[Call] = []
    now = start
    while now <= until:
        plan = due(now, [alert(start)], state, config)
        found += [Call(each.due_at, each.kind, (), each.channels) for each in plan.notices]
        later = now + timedelta(minutes=1)
        state, now = plan.after, min(plan.next_at or later, later)
    return found


def told(found: Sequence[Call]) -> list[tuple[str, str, str]]:
    """When in Berlin, what, and by which channels."""
    return [
        (f"{each.at.astimezone(BERLIN):%H:%M%z}", each.kind, "+".join(each.channels))
        for each in found
    ]


def test_who_is_called_follows_the_handover_in_the_night_clocks_change() -> None:
    """At half past two that night does not have, ann has been relieved at half past three."""
    start = at("2026-03-29T01:00")
    found = course(alert(start), monitoring(), until=start + 2 * HOUR)

    assert told(found) == [
        ("01:00+0100", "first", "desk"),
        ("01:30+0100", "repeat", "desk"),
        ("03:00+0200", "repeat", "desk"),
        ("03:00+0200", "escalation", "ann_phone"),
        ("03:30+0200", "repeat", "desk+ben_phone"),
        ("04:00+0200", "repeat", "desk+ben_phone"),
    ]
    assert [each.people for each in found[3:5]] == [("ann",), ("ben",)]


def test_a_mute_window_and_a_silence_keep_everybody_asleep() -> None:
    """What is held back at first begins after that."""
    start = at("2026-07-01T10:00")
    window = {"schedule": "0 10 * * *", "duration": "45m", "timezone": "Europe/Berlin"}
    silence = Silence(
        "s", (Matcher("alertname", "=", "Full"),), start, start + HOUR, created_by="a", comment="b"
    )
    muted = course(alert(start), monitoring(mute={"tea": window}), until=start + HOUR)
    silenced = course(alert(start), monitoring(), until=start + HOUR, silences=[silence])

    assert told(muted) == [("10:45+0200", "first", "desk")]
    assert told(silenced) == [("11:00+0200", "first", "desk")]


def test_who_looks_after_it_is_not_called() -> None:
    """Until that ends."""
    start = at("2026-07-01T10:00")
    ack = Ack("ann", start + timedelta(minutes=5), start + 2 * HOUR)
    found = course(alert(start), monitoring(), until=start + 3 * HOUR, acks=[ack])

    assert [each[0] for each in told(found)][:2] == ["10:00+0200", "12:00+0200"]
    assert found[-1].kind == "escalation" or found[-1].channels == ("desk", "ben_phone")


@pytest.mark.parametrize("wait", [0, 600])
@settings(max_examples=15, deadline=None)
@given(
    minute=st.integers(0, 2000),
    length=st.integers(1, 200),
    begins=st.integers(0, 59),
)
def test_it_foretells_what_alerting_does(wait: int, minute: int, length: int, begins: int) -> None:
    """Notice by notice, with windows that come each four hours."""
    window = {"schedule": f"{begins} */4 * * *", "duration": length * 60}
    config = monitoring(mute={"often": window}, group_wait=wait)
    start = at("2026-03-28T12:00") + timedelta(minutes=minute)
    foretold = course(alert(start), config, until=start + 6 * HOUR)

    planned = replayed(start, start + 6 * HOUR, config, State())

    assert [(c.at, c.kind, c.channels) for c in foretold] == [
        (c.at, c.kind, c.channels) for c in planned
    ]
