"""When a task is due: clock changes by all four policies, missed runs, jitter, bad schedules."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from shutil import which
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from intertie.automation.cron import due, jitter, newest, occurrences
from intertie.automation.oddities import changes
from intertie.errors import IntertieError
from intertie.suite.schedule import Timing

ZONES = (
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Pacific/Auckland",
)
SCHEDULES = (
    "30 2 * * *",
    "0 2,3 * * *",
    "0,30 1-3 * * *",
    "0 0 * * *",
    "*/15 * * * *",
    "0 */2 * * *",
    "30 * * * *",
    "* 0 * * *",
    "0 12 29 2 *",
)
FROM, TO = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def turns(zone: str) -> Iterator[datetime]:
    """Each moment of the seven years at which the zone's clock is turned."""
    return changes(ZoneInfo(zone), FROM, TO)


def shown(timing: Timing, after: str, count: int = 4) -> list[str]:
    """The next runs, as month-day hour:minute in UTC."""
    start = datetime.fromisoformat(after).replace(tzinfo=UTC)
    return [f"{at:%m-%d %H:%M}" for at in occurrences(timing, start, count=count)]


@pytest.mark.parametrize("zone", ZONES)
def test_debian_is_as_cronsim_has_it_on_every_day_with_a_clock_change(zone: str) -> None:
    """For 2024 to 2030, a day before to a day after each change, run for run."""
    place = ZoneInfo(zone)
    for schedule in SCHEDULES:
        timing = Timing(schedule=schedule, timezone=zone)
        for turn in turns(zone):
            start, end = turn - DAY, turn + DAY
            theirs = (at.astimezone(UTC) for at in CronSim(schedule, start.astimezone(place)))
            expected = list(takewhile(lambda at, end=end: at <= end, theirs))  # type: ignore[misc]
            assert list(occurrences(timing, start, until=end)) == expected, (schedule, turn)


def test_all_zones_with_clock_changes_have_them() -> None:
    """The check above compares something: only UTC's clock is never turned."""
    counts = {zone: len(list(turns(zone))) for zone in ZONES}
    assert counts.pop("UTC") == 0
    assert min(counts.values()) >= 12


SPRING, AUTUMN = "2025-03-29T12:00", "2025-10-25T12:00"


@pytest.mark.parametrize(
    ("dst", "after", "expected"),
    [
        ("debian", SPRING, ["03-30 01:00", "03-31 00:30", "04-01 00:30"]),
        ("skip", SPRING, ["03-31 00:30", "04-01 00:30", "04-02 00:30"]),
        ("both", SPRING, ["03-30 01:00", "03-31 00:30", "04-01 00:30"]),
        ("utc", SPRING, ["03-30 02:30", "03-31 02:30", "04-01 02:30"]),
        ("debian", AUTUMN, ["10-26 00:30", "10-27 01:30", "10-28 01:30"]),
        ("skip", AUTUMN, ["10-26 00:30", "10-27 01:30", "10-28 01:30"]),
        ("both", AUTUMN, ["10-26 00:30", "10-26 01:30", "10-27 01:30"]),
        ("utc", AUTUMN, ["10-26 02:30", "10-27 02:30", "10-28 02:30"]),
    ],
)
def test_half_past_two_in_berlin(dst: str, after: str, expected: list[str]) -> None:
    """A time of day that is missing in spring and comes twice in autumn, by each policy."""
    timing = Timing.model_validate(
        {"schedule": "30 2 * * *", "timezone": "Europe/Berlin", "dst": dst}
    )
    assert shown(timing, after, 3) == expected


@pytest.mark.parametrize(
    ("dst", "after", "expected"),
    [
        ("skip", "2025-10-25T23:50", ["00:00", "00:30", "02:00", "02:30"]),
        ("both", "2025-10-25T23:50", ["00:00", "00:30", "01:00", "01:30"]),
        ("both", "2025-03-30T00:50", ["01:00", "01:30", "02:00", "02:30"]),
        ("skip", "2025-03-30T00:50", ["01:00", "01:30", "02:00", "02:30"]),
    ],
)
def test_every_half_hour_in_berlin(dst: str, after: str, expected: list[str]) -> None:
    """Skipping leaves the second pass out; both has neither a hole nor a double."""
    timing = Timing.model_validate(
        {"schedule": "*/30 * * * *", "timezone": "Europe/Berlin", "dst": dst}
    )
    assert [text[6:] for text in shown(timing, after)] == expected


@pytest.mark.parametrize(
    ("dst", "expected"),
    [
        # From 2:00 (+11:00) the clock goes back to 1:30 (+10:30): 1:45 is at 14:45 and at 15:15.
        ("both", ["14:45", "15:15", "15:15"]),
        ("skip", ["14:45", "15:15", "15:15"]),
    ],
)
def test_lord_howe_turns_its_clock_by_half_an_hour(dst: str, expected: list[str]) -> None:
    """Both runs twice on the sixth of April 2025; skip once, and the next day as ever."""
    timing = Timing.model_validate(
        {"schedule": "45 1 * * *", "timezone": "Australia/Lord_Howe", "dst": dst}
    )
    found = shown(timing, "2025-04-05T12:00", 3)
    days = ["04-05", "04-05", "04-06"] if dst == "both" else ["04-05", "04-06", "04-07"]
    assert found == [f"{day} {time}" for day, time in zip(days, expected, strict=True)]


@pytest.mark.parametrize("dst", ["debian", "skip", "both", "utc"])
@pytest.mark.parametrize("zone", ZONES[1:])
def test_runs_are_the_same_from_wherever_one_looks(dst: str, zone: str) -> None:
    """What comes after a moment does not depend on when one began to look."""
    for schedule in ("30 2 * * *", "*/20 * * * *", "10,50 0-3 * * *"):
        timing = Timing.model_validate({"schedule": schedule, "timezone": zone, "dst": dst})
        for turn in list(turns(zone))[:2]:
            end = turn + DAY
            whole = list(occurrences(timing, turn - DAY, until=end))
            assert whole == sorted(set(whole))
            for minutes in range(-150, 151, 25):
                start = turn + timedelta(minutes=minutes)
                rest = list(occurrences(timing, start, until=end))
                assert rest == [at for at in whole if at > start], (schedule, start)


@pytest.mark.slow
@pytest.mark.skipif(which("systemd-analyze") is None, reason="systemd-analyze is not here")
@pytest.mark.parametrize("zone", ZONES)
def test_skip_is_as_systemd_has_it(zone: str) -> None:
    """For each clock change of the seven years, and two kinds of schedule."""
    for schedule, theirs in (("30 2 * * *", "02:30:00"), ("*/30 * * * *", "*:0/30:00")):
        timing = Timing(schedule=schedule, timezone=zone, dst="skip")
        for turn in turns(zone):
            start = turn - timedelta(hours=4)
            count = 3 if theirs[0] == "0" else 16
            ours = list(occurrences(timing, start, count=count))
            assert ours == systemd(f"*-*-* {theirs} {zone}", start, count), (schedule, turn)


def systemd(calendar: str, start: datetime, count: int) -> list[datetime]:
    """The next runs by systemd's own word."""
    done = subprocess.run(
        [
            "systemd-analyze",
            "calendar",
            f"--base-time={start:%Y-%m-%d %H:%M:%S} UTC",
            f"--iterations={count}",
            calendar,
        ],
        capture_output=True,
        text=True,
        check=True,
        env={"TZ": "UTC", "PATH": "/usr/bin:/bin"},
    )
    lines = (line.split(": ", 1) for line in done.stdout.splitlines())
    told = [text for label, text in lines if "elapse" in label or "Iter" in label]
    return [
        datetime.strptime(text.strip(), "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
        for text in told
    ]


@pytest.mark.parametrize(
    "schedule",
    [
        "0 0 30 2 *",
        "0 0 30 FEB *",
        "0 0 31 4,6 *",
        "0 0 */30 * 1#2",
        "61 * * * *",
        "x * * * *",
        "* * * *",
        "* * * * * *",
        "@daily",
        "5-1 * * * *",
        "*/0 * * * *",
        "0 0 0 * *",
        " ",
    ],
)
def test_a_schedule_that_cannot_be_used_is_refused_at_once(schedule: str) -> None:
    """What is not five fields, is out of range or never comes is named, with what is expected."""
    with pytest.raises(IntertieError, match=r"^cannot use schedule '.*': .*; expected five fields"):
        occurrences(Timing(schedule=schedule), FROM)


@pytest.mark.parametrize("zone", ["Nowhere/Else", "../etc/passwd", "Europe", "a\0b"])
def test_a_zone_that_is_not_known_is_refused(zone: str) -> None:
    """By its name, whatever it is."""
    with pytest.raises(IntertieError, match="cannot use time zone"):
        occurrences(Timing(schedule="* * * * *", timezone=zone), FROM)


FIELD = st.sampled_from(["*", "*/7", "0", "5,17", "1-4", "2-11/3", "x", "99", "", "-1", "L", "1#5"])


@settings(max_examples=200, deadline=None)
@given(fields=st.lists(FIELD, min_size=4, max_size=6), zone=st.sampled_from(ZONES))
def test_any_text_is_either_refused_or_gives_times_in_order(fields: list[str], zone: str) -> None:
    """No text makes it fail in another way, hang, or go back."""
    text = " ".join(fields) or "-"
    try:
        found = list(occurrences(Timing(schedule=text, timezone=zone), FROM, count=5))
    except IntertieError:
        return
    assert len(found) == 5
    assert found == sorted(set(found))
    assert found[0] > FROM


NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
HOURLY = Timing(schedule="0 * * * *")


def hours(found: object) -> list[int]:
    """Of some times."""
    assert isinstance(found, list | tuple)
    return [at.hour for at in found]


def test_a_task_never_seen_before_has_missed_nothing() -> None:
    """It begins with the next time."""
    assert list(due(HOURLY, None, NOON)) == []


def test_what_is_due_now_is_due_by_every_policy() -> None:
    """A run within a minute of its time was not missed."""
    last, now = NOON - timedelta(minutes=5), NOON + timedelta(seconds=1)
    for missed in ("skip", "once", "all"):
        timing = Timing.model_validate({"schedule": "0 * * * *", "missed": missed})
        assert list(due(timing, last, now)) == [NOON]


@pytest.mark.parametrize(
    ("missed", "expected"),
    [("skip", []), ("once", [12]), ("all", [9, 10, 11, 12])],
)
def test_runs_missed_in_three_and_a_half_hours(missed: str, expected: list[int]) -> None:
    """None, the newest for all of them, or each."""
    timing = Timing.model_validate({"schedule": "0 * * * *", "missed": missed})
    found = due(timing, NOON - timedelta(hours=3, minutes=10), NOON + timedelta(minutes=20))
    assert hours(found) == expected


def test_of_all_missed_runs_the_newest_so_many_are_made_up_for() -> None:
    """Also after a year of a task that runs each minute."""
    timing = Timing(schedule="* * * * *", missed="all", max_missed=3)
    found = due(timing, NOON - timedelta(days=365), NOON)
    assert [at.minute for at in found] == [58, 59, 0]


def test_what_was_seen_to_is_not_due_again() -> None:
    """The time itself belongs to what was seen to."""
    assert list(due(HOURLY, NOON, NOON)) == []
    assert list(due(HOURLY, NOON + timedelta(hours=5), NOON)) == []


def test_the_newest_times_are_those_before_the_end_inclusive() -> None:
    """And no more than were asked for, or than there are."""
    assert hours(newest(HOURLY, NOON - DAY, NOON, count=2)) == [11, 12]
    assert hours(newest(HOURLY, NOON - timedelta(hours=1), NOON, count=9)) == [12]


def test_jitter_is_the_same_each_time_and_differs_between_machines_and_tasks() -> None:
    """It spreads many machines over the whole of it, and never reaches it."""
    timing = Timing(schedule="0 2 * * *", jitter=600)
    found = [jitter(timing, "backup", f"host-{n}") for n in range(200)]

    assert found == [jitter(timing, "backup", f"host-{n}") for n in range(200)]
    assert all(timedelta() <= j < timedelta(seconds=600) for j in found)
    assert len({j.total_seconds() // 60 for j in found}) == 10
    assert jitter(timing, "backup", "a") != jitter(timing, "cleanup", "a")
    assert jitter(Timing(schedule="0 2 * * *"), "backup", "a") == timedelta()
