"""What an incident says."""

from collections.abc import Sequence

from intertie.control.incident import Incident, Notice, incidents
from intertie.control.incident_stretch import Trouble
from intertie.event import Event
from intertie.runtime.change import Change
from tests.control.incident_events import (
    applied,
    at,
    change,
    failed,
    firing,
    health,
    recovered,
    resolved,
    started,
    stopped,
)

KILL = [
    started(-500),
    stopped(0),
    failed(0.1),
    firing(2),
    started(5),
    recovered(7),
    resolved(8),
    started(300, "other"),
]


def notice(
    second: float, kind: str = "first", *, status: str = "sent", alert: str = "Down"
) -> Notice:
    """To one channel."""
    labels = {"alertname": alert, "service": "web"}
    about = frozenset({Trouble.of_alert(labels)})
    return Notice(at(second), kind, "hook", status, 1, "200", about)


def one(
    events: Sequence[Event], notices: Sequence[Notice] = (), changes: Sequence[Change] = ()
) -> Incident:
    """The only incident."""
    (found,) = incidents(events, notices, changes, at(1000))
    return found


def test_a_kill_is_told_from_the_failure_to_the_end_of_the_alert() -> None:
    """Who was in trouble, and how long everything took."""
    found = one(KILL, [notice(3), notice(9, "resolved")])

    assert (found.begin, found.end) == (at(0), at(8))
    assert found.services == ("web",)
    assert [(a.name, a.fired_at, a.resolved_at) for a in found.alerts] == [("Down", at(2), at(8))]
    assert (found.to_detect_s, found.to_tell_s, found.to_recover_s) == (2, 3, 8)
    assert found.title == "web: ended by signal 9, pid 7"


def test_the_timeline_is_sorted_and_holds_what_belongs_to_it() -> None:
    """Events, changes and notices, each with its time since the beginning."""
    found = one(KILL, [notice(3), notice(9, "resolved")], [change(0.2, 5.5)])

    assert [(line.after_s, line.kind) for line in found.lines] == [
        (0, "failure"),
        (0.1, "failure"),
        (0.2, "change"),
        (2, "alert"),
        (3, "notice"),
        (5, "recovery"),
        (5.5, "change"),
        (7, "recovery"),
        (8, "alert"),
        (9, "notice"),
    ]


def test_who_restarted_a_service_is_told() -> None:
    """The one whose change was at work on it; else its restart policy."""
    alone = one(KILL)
    helped = one(KILL, changes=[change(0.2, 5.5, actor="ann")])

    assert [(d.what, d.by) for d in alone.done] == [("restart web", "restart policy")]
    assert [(d.what, d.by, d.outcome) for d in helped.done] == [("restart web", "ann", "done")]
    assert [line.by for line in helped.lines if line.what.startswith("started")] == ["ann"]


def test_a_change_that_failed_says_why() -> None:
    """In what was done, and in the timeline."""
    found = one(KILL, changes=[change(1, 4, error="port taken")])

    assert found.done[0].outcome == "failed: port taken"
    assert any("failed: port taken" in line.what for line in found.lines)


def test_a_change_shortly_before_may_be_the_cause() -> None:
    """It is in the timeline, with a time below 0, and nothing that was done about it."""
    near, far = change(-90, -60, actor="ann"), change(-2000, -1900)
    found = one(KILL, changes=[near, far])

    assert [line.after_s for line in found.lines if line.kind == "change"] == [-90, -60]
    assert [each.by for each in found.done] == ["restart policy"]


def test_others_matter_only_while_it_lasts() -> None:
    """What happened to services that were well, and to the gateway."""
    events = [*KILL[:-1], started(6, "other"), applied(6.5), started(20, "other"), applied(30)]
    found = one(sorted(events, key=lambda e: e.time))

    assert [(line.about, line.after_s) for line in found.lines if line.kind != "failure"][-3:] == [
        ("gateway", 6.5),
        ("web", 7),
        ("Down", 8),
    ]
    assert ("other", 6) in [(line.about, line.after_s) for line in found.lines]
    assert all(line.after_s < 20 for line in found.lines)


def test_a_notice_belongs_to_the_incident_of_its_alert() -> None:
    """Also one that came long after its end; not one of another alert, or of the next incident."""
    again = [failed(400), firing(402), started(405), resolved(408)]
    told = [notice(3), notice(350, "resolved"), notice(4, alert="Other"), notice(403)]
    first, second = incidents([*KILL, *again], told, [], at(1000))

    assert [each.at for each in first.told] == [at(3), at(350)]
    assert [each.at for each in second.told] == [at(403)]


def test_only_a_notice_that_was_sent_has_told_somebody() -> None:
    """One that failed has not."""
    found = one(KILL, [notice(2.5, status="given_up"), notice(4)])

    assert found.to_tell_s == 4
    assert one(KILL, [notice(2.5, status="given_up")]).to_tell_s is None
    assert one([failed(0), started(1)]).to_detect_s is None


def test_an_incident_that_is_not_over_has_no_end() -> None:
    """Nor a time to recover; its alerts fire."""
    found = one([failed(0), firing(2)])

    assert (found.end, found.to_recover_s) == (None, None)
    assert found.alerts[0].resolved_at is None


def test_an_alert_without_a_failure_is_an_incident_too() -> None:
    """It was detected at once."""
    found = one([firing(0), resolved(30)])

    assert (found.services, found.to_detect_s) == ((), 0)
    assert found.title == "Down: alert fires (critical), value 0.0: web is down"


def test_its_id_stays_whatever_follows() -> None:
    """While it goes on, and once it is over; another one has another."""
    early = one(KILL[:3])
    late = one(KILL)
    other = one([failed(900)])

    assert early.id == late.id != other.id


def test_a_very_long_timeline_keeps_its_beginning_and_its_end() -> None:
    """And says how much is left out."""
    flaps = [health(second, "DOWN" if second % 2 else "UP") for second in range(1, 900)]
    found = one([started(0), *flaps, health(900, "UP")])

    assert len(found.lines) == 500
    assert found.left_out == 400
    assert (found.lines[0].after_s, found.lines[-1].after_s) == (0, 899)
