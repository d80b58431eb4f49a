from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intertie.monitor import escalation
from intertie.monitor.escalation import (
    Ack,
    Kind,
    Pacing,
    ack_end,
    begin,
    due,
    is_acknowledged,
    see,
    simulate,
    wake,
)
from intertie.suite.monitoring import SeverityLevel
from tests.monitor.cases import NOW, minutes

CRITICAL = SeverityLevel(notification_interval=300, escalation_timeout=1800)
LEVELS = st.builds(
    SeverityLevel,
    notification_interval=st.integers(1, 60).map(float),
    escalation_timeout=st.integers(1, 200).map(float),
)
SECONDS = st.integers(0, 300).map(lambda each: NOW + timedelta(seconds=each))
END = NOW + timedelta(seconds=400)


@st.composite
def acks(draw: st.DrawFn) -> list[Ack]:
    """Up to two, with and without an end."""
    found: list[Ack] = []
    for who in draw(st.sampled_from(["", "a", "ab"])):
        at = draw(SECONDS)
        lasts = draw(st.one_of(st.none(), st.integers(1, 200)))
        found.append(Ack(who, at, None if lasts is None else at + timedelta(seconds=lasts)))
    return found


def told(found: list[tuple[datetime, Kind]]) -> list[tuple[float, Kind]]:
    """In minutes from noon on."""
    return [((at - NOW) / minutes(1), kind) for at, kind in found]


def test_nobody_acknowledges() -> None:
    """A critical alert is told each 5 minutes, and to others once after 30."""
    found = told(simulate(Pacing.of(CRITICAL), start=NOW, until=NOW + minutes(40)))

    assert found == [
        (0, "first"),
        *((at, "repeat") for at in (5, 10, 15, 20, 25, 30)),
        (30, "escalation"),
        (35, "repeat"),
        (40, "repeat"),
    ]


def test_somebody_acknowledges() -> None:
    """Nothing is told until that ends; then at once, and to others the whole time after."""
    ack = Ack("ann", NOW + minutes(7), NOW + minutes(22))

    found = told(simulate(Pacing.of(CRITICAL), start=NOW, until=NOW + minutes(53), acks=[ack]))

    repeats = [(float(at), "repeat") for at in (22, 27, 32, 37, 42, 47, 52)]
    assert found == [(0, "first"), (5, "repeat"), *repeats, (52, "escalation")]


def test_a_new_alert_ends_an_acknowledgement() -> None:
    """It is told at once, and counts as if nobody had acknowledged from then on."""
    ack = Ack("ann", NOW + minutes(1))

    found = told(
        simulate(
            Pacing.of(CRITICAL),
            start=NOW,
            until=NOW + minutes(90),
            acks=[ack],
            new_at=[NOW + minutes(50)],
            ends_at=NOW + minutes(81),
        )
    )

    assert found[:3] == [(0, "first"), (50, "first"), (55, "repeat")]
    assert found[-3:] == [(80, "repeat"), (80, "escalation"), (81, "resolved")]


def test_an_acknowledgement_of_another_episode_is_none() -> None:
    """Whoever looked after the group before it came has not seen this."""
    ack = Ack("ann", NOW - minutes(1))

    found = told(simulate(Pacing.of(CRITICAL), start=NOW, until=NOW + minutes(5), acks=[ack]))

    assert found == [(0, "first"), (5, "repeat")]
    assert ack_end(begin(NOW), ack) is None


def test_the_first_notice_waits_for_more() -> None:
    """Repeats count from it, not from the alert; one that ended before is not told."""
    found = simulate(Pacing.of(CRITICAL, wait_s=30), start=NOW, until=NOW + minutes(6))
    short = simulate(
        Pacing.of(CRITICAL, wait_s=30),
        start=NOW,
        until=NOW + minutes(6),
        ends_at=NOW + minutes(0.4),
    )

    assert told(found) == [(0.5, "first"), (5.5, "repeat")]
    assert short == []


def test_being_late_moves_nothing_after_it() -> None:
    """Asked at minute 12 the repeat of minute 10 is told, alone; the next is at 15."""
    pacing = Pacing.of(CRITICAL)
    _, pace = due(see(begin(NOW), NOW, has_come=True, has_new=True, is_held=False), pacing, NOW)

    found, pace = due(pace, pacing, NOW + minutes(12))

    assert [(each.kind, each.at) for each in found] == [("repeat", NOW + minutes(10))]
    assert wake(pace, pacing, NOW + minutes(12)) == NOW + minutes(15)


def test_the_first_notice_of_a_long_pause_is_not_followed_by_missed_repeats() -> None:
    """After an hour's pause within its wait, a group is told once, and then each interval."""
    pacing = Pacing.of(CRITICAL, wait_s=60)
    pace = see(begin(NOW), NOW, has_come=True, has_new=True, is_held=False)

    found, pace = due(pace, pacing, NOW + minutes(60))

    assert [(each.kind, each.at) for each in found] == [("first", NOW + minutes(56))]
    assert due(pace, pacing, NOW + minutes(60.9))[0] == ()


def test_what_is_held_back_is_told_on_release() -> None:
    """Nothing meanwhile; others are told only after the whole timeout from then."""
    pacing = Pacing.of(CRITICAL)
    pace = see(begin(NOW), NOW, has_come=True, has_new=True, is_held=False)
    _, pace = due(pace, pacing, NOW)
    pace = see(pace, NOW + minutes(1), has_come=False, has_new=False, is_held=True)
    assert due(pace, pacing, NOW + minutes(60)) == ((), pace)
    assert wake(pace, pacing, NOW + minutes(60)) is None

    pace = see(pace, NOW + minutes(61), has_come=False, has_new=False, is_held=False)
    found, pace = due(pace, pacing, NOW + minutes(61))

    assert [(each.kind, each.at) for each in found] == [("repeat", NOW + minutes(61))]
    later = due(pace, pacing, NOW + minutes(91))[0]
    assert [each.kind for each in later] == ["repeat", "escalation"]
    assert later[1].at == NOW + minutes(91)


def test_without_others_there_is_no_escalation() -> None:
    """However long it takes."""
    pacing = Pacing.of(CRITICAL, escalates=False)
    pace = see(begin(NOW), NOW, has_come=True, has_new=True, is_held=False)
    _, pace = due(pace, pacing, NOW)

    assert [each.kind for each in due(pace, pacing, NOW + minutes(9999))[0]] == ["repeat"]


@pytest.mark.parametrize(("until", "holds"), [(None, True), (10, True), (3, False)])
def test_whether_somebody_looks_after_it(until: float | None, *, holds: bool) -> None:
    """From when it was said, until it ends."""
    ack = Ack("ann", NOW + minutes(1), None if until is None else NOW + minutes(until))

    assert is_acknowledged(begin(NOW), ack, NOW + minutes(5)) is holds
    assert not is_acknowledged(begin(NOW), ack, NOW)
    assert not is_acknowledged(begin(NOW), None, NOW + minutes(5))
    newer = replace(begin(NOW), newest_at=NOW + minutes(2))
    assert not is_acknowledged(newer, ack, NOW + minutes(5))


@settings(deadline=None, max_examples=50)
@given(LEVELS)
def test_repeats_are_at_each_multiple_of_the_interval(level: SeverityLevel) -> None:
    """Exactly, whatever the interval; others are told once, exactly at the timeout."""
    found = simulate(Pacing.of(level), start=NOW, until=END)

    interval = timedelta(seconds=level.notification_interval)
    repeats = [at for at, kind in found if kind == "repeat"]
    assert repeats == [NOW + each * interval for each in range(1, (END - NOW) // interval + 1)]
    assert [at for at, kind in found if kind == "escalation"] == [
        NOW + timedelta(seconds=level.escalation_timeout)
    ]


@settings(deadline=None, max_examples=50)
@given(level=LEVELS, said=acks(), new_at=st.lists(SECONDS, max_size=3), wait=st.integers(0, 20))
def test_asking_each_second_or_only_when_told_is_the_same(
    level: SeverityLevel, said: list[Ack], new_at: list[datetime], wait: int
) -> None:
    """`wake` misses nothing."""
    arrivals = {NOW, *new_at}
    pacing, pace, now = Pacing.of(level, wait_s=wait), begin(NOW), NOW
    each_second: list[tuple[datetime, Kind]] = []
    while now <= END:
        has_come = now in arrivals
        has_new = has_come or pace.new_since is not None
        pace = see(pace, now, has_come=has_come, has_new=has_new, is_held=False)
        ack = max((a for a in said if a.at <= now), key=lambda a: a.at, default=None)
        found, pace = due(pace, pacing, now, ack=ack)
        each_second.extend((each.at, each.kind) for each in found)
        now += timedelta(seconds=1)

    expected = simulate(
        Pacing.of(level, wait_s=wait), start=NOW, until=END, acks=said, new_at=new_at
    )

    assert each_second == expected


@settings(deadline=None, max_examples=50)
@given(level=LEVELS, said=acks(), new_at=st.lists(SECONDS, max_size=3))
def test_nothing_is_repeated_while_somebody_looks_after_it(
    level: SeverityLevel, said: list[Ack], new_at: list[datetime]
) -> None:
    """Unless the group has a new alert since."""
    found = simulate(Pacing.of(level), start=NOW, until=END, acks=said, new_at=new_at)

    for at, kind in found:
        ack = max((a for a in said if a.at <= at), key=lambda a: a.at, default=None)
        is_over = ack is None or (ack.until is not None and ack.until <= at)
        is_broken = ack is not None and any(ack.at < each <= at for each in new_at)
        assert kind == "first" or is_over or is_broken
    assert sum(kind == "escalation" for _, kind in found) <= 1


@settings(deadline=None, max_examples=50)
@given(level=LEVELS, said=acks(), end=SECONDS)
def test_the_end_is_told_once_and_last(
    level: SeverityLevel, said: list[Ack], end: datetime
) -> None:
    """If anything was told before."""
    found = simulate(Pacing.of(level, wait_s=9), start=NOW, until=END, acks=said, ends_at=end)

    kinds = [kind for _, kind in found]
    assert kinds.count("resolved") == (1 if "first" in kinds else 0)
    assert not kinds or kinds[-1] == "resolved"
    assert all(at < end for at, kind in found if kind != "resolved")


def test_a_notice_moves_the_group_on() -> None:
    """Each has another ordinal; an escalation leaves the grid as it is."""
    pace = replace(begin(NOW), first_at=NOW, last_at=NOW, count=1)

    after = escalation.told(pace, escalation.Due("escalation", NOW + minutes(2)))

    assert after == replace(pace, count=2, escalated_at=NOW + minutes(2))
