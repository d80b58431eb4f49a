"""Who is on call, and who would be called."""

from datetime import timedelta
from pathlib import Path

import pytest

from intertie.control.actor import Actor
from intertie.control.on_call import OnCallControl
from intertie.errors import AccessDeniedError, NotFoundError
from intertie.monitor.escalation import Ack
from intertie.monitor.notices import due
from tests.control.alarms import NOW, alarms

pytestmark = pytest.mark.anyio

READER = Actor("ann", may_read=True, may_write=False)
STRANGER = Actor("eve", may_read=False, may_write=False)
HOUR_S = 3600.0


async def test_who_is_on_call_is_told_in_the_time_of_the_rota(tmp_path: Path) -> None:
    """Now, or at a moment."""
    async with alarms(tmp_path, 1) as found:
        control = OnCallControl(lambda: found, lambda: NOW)
        [now] = control.on_call(READER, None)
        [later] = control.on_call(READER, NOW + timedelta(days=7))

        assert (now.rota, now.layer, now.person, now.name) == ("crew", "primary", "ann", "Ann A.")
        assert now.since.isoformat() == "2026-06-29T09:00:00+02:00"
        assert later.name == "ben"
        with pytest.raises(NotFoundError, match="known are years"):
            control.on_call(READER, NOW.replace(year=9999))


async def test_a_rule_is_played_as_if_it_fired_now(tmp_path: Path) -> None:
    """Told each five minutes, and to whoever is on call after half an hour."""
    async with alarms(tmp_path, 1) as found:
        control = OnCallControl(lambda: found, lambda: NOW)
        told = await control.simulate(READER, "Full", None, duration_s=HOUR_S)

        assert (told.start, told.until, told.severity) == (
            NOW,
            NOW + timedelta(hours=1),
            "critical",
        )
        [called] = [each for each in told.calls if each.kind == "escalation"]
        assert (called.at, called.people) == (NOW + timedelta(minutes=30), ("ann",))
        assert called.channels == ("ann_phone",)
        with pytest.raises(NotFoundError, match="rules are Full"):
            await control.simulate(READER, "Empty", None, duration_s=HOUR_S)


async def test_an_alert_that_fires_is_played_from_its_own_start(tmp_path: Path) -> None:
    """Who looks after it is not called, unless it is asked about another day."""
    async with alarms(tmp_path, 5) as found:
        [alert] = found.alerting.alerts
        control = OnCallControl(lambda: found, lambda: NOW + timedelta(hours=3))
        before = await control.simulate(READER, alert.fingerprint, None, duration_s=HOUR_S)
        plan = due(NOW, [alert], await found.desk.state(), found.config)
        await found.desk.plan(plan, lambda *_: "{}")
        [group] = plan.after.episodes
        await found.desk.acknowledge(group, Ack("ben", NOW + timedelta(minutes=1)))
        after = await control.simulate(READER, alert.fingerprint, None, duration_s=HOUR_S)
        other = await control.simulate(
            READER, alert.fingerprint, NOW + timedelta(days=1), duration_s=HOUR_S
        )

        assert before.start == NOW
        assert len(before.calls) == 14
        assert [each.kind for each in after.calls] == ["first"]
        assert len(other.calls) == 14


async def test_who_may_not_read_learns_nothing() -> None:
    """And a suite that is not monitored says what to write."""
    with pytest.raises(AccessDeniedError):
        OnCallControl().on_call(STRANGER, None)
    with pytest.raises(NotFoundError, match=r"add `monitoring: \{\}`"):
        OnCallControl().on_call(READER, None)
