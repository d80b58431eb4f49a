"""Who is on call at a moment."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intertie.monitor.rota import Duty, duties, on_duty, person_of, reached
from intertie.suite.on_call import Rota

ZONES = ("Europe/Berlin", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia", "UTC")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
PEOPLE = ("ann", "ben", "cyd")
BERLIN = ZoneInfo("Europe/Berlin")


def rota(zone: str = "Europe/Berlin", *, overrides: Sequence[Any] = (), **layer: Any) -> Rota:
    """Three people, each with a channel; `layer` in place of a weekly one since January 2026."""
    own = {"people": PEOPLE, "since": "2026-01-05", **layer}
    return Rota.model_validate(
        {
            "timezone": zone,
            "people": {name: {"channels": f"{name}_phone"} for name in PEOPLE},
            "layers": {"primary": own, "second": {**own, "people": ["ben", "cyd", "ann"]}},
            "overrides": overrides,
        }
    )


def walk(found: Rota, layer: str, start: datetime, end: datetime) -> list[Duty]:
    """Every duty of the layer from one moment to another."""
    told = [on_duty(found, layer, start)]
    while told[-1].until < end:
        told.append(on_duty(found, layer, told[-1].until))
    return told


def berlin(text: str) -> datetime:
    """A moment there."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def test_the_next_takes_over_at_the_local_time_all_year() -> None:
    """Nine o'clock is nine o'clock in summer and in winter."""
    found = walk(rota(), "primary", berlin("2026-01-05T09:00"), berlin("2027-01-05T09:00"))

    begins = [each.since.astimezone(BERLIN) for each in found]
    assert {(each.weekday(), each.hour, each.minute) for each in begins} == {(0, 9, 0)}
    assert [each.person for each in found[:4]] == ["ann", "ben", "cyd", "ann"]
    assert {each.until - each.since for each in found} == {
        timedelta(days=7),
        timedelta(days=7, hours=1),
        timedelta(days=6, hours=23),
    }


def test_before_the_handover_it_is_still_the_other() -> None:
    """To the second."""
    weekly = rota()

    before = on_duty(weekly, "primary", berlin("2026-01-12T08:59:59"))
    after = on_duty(weekly, "primary", berlin("2026-01-12T09:00"))

    assert (before.person, after.person) == ("ann", "ben")
    assert before.until == after.since


@pytest.mark.parametrize(
    ("zone", "at", "day", "begins"),
    [
        ("Europe/Berlin", "02:30", "2026-03-29", "2026-03-29T01:30+00:00"),
        ("Europe/Berlin", "02:30", "2026-10-25", "2026-10-25T00:30+00:00"),
        ("Australia/Lord_Howe", "02:15", "2026-10-04", "2026-10-03T15:45+00:00"),
        ("Australia/Lord_Howe", "01:45", "2026-04-05", "2026-04-04T14:45+00:00"),
        ("America/Sao_Paulo", "00:00", "2018-11-04", "2018-11-04T03:00+00:00"),
    ],
)
def test_a_handover_the_clock_skips_or_repeats_is_once(
    zone: str, at: str, day: str, begins: str
) -> None:
    """Skipped: by the clock of before; repeated: the first time."""
    found = rota(zone, handover="daily", at=at)
    moment = datetime.fromisoformat(begins)

    taken = on_duty(found, "primary", moment)
    before = on_duty(found, "primary", moment - timedelta(seconds=1))

    assert taken.since == moment, day
    assert before.person != taken.person


@settings(max_examples=40, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    year=st.sampled_from([2010, 2017, 2026]),
    handover=st.sampled_from(["daily", "weekly"]),
    day=st.sampled_from(DAYS),
    at=st.sampled_from(["00:00", "00:30", "01:45", "02:00", "02:15", "02:30", "09:00", "23:59"]),
    overrides=st.lists(
        st.tuples(st.integers(0, 700), st.integers(1, 20), st.sampled_from(PEOPLE)), max_size=4
    ),
)
def test_a_layer_is_held_by_exactly_one_person_at_every_instant_of_two_years(
    *, zone: str, year: int, handover: str, day: str, at: str, overrides: list[Any]
) -> None:
    """Duties follow each other without a gap or an overlap; each moment within one names it."""
    start = datetime(year, 1, 1, tzinfo=UTC)
    told = [
        {
            "person": who,
            "from": str((start + timedelta(days=first)).date()),
            "until": str((start + timedelta(days=first + length)).date()),
        }
        for first, length, who in overrides
    ]
    found = rota(zone, overrides=told, handover=handover, day=day, at=at)

    for layer in found.layers:
        held = walk(found, layer, start, start + timedelta(days=731))
        for this, following in pairwise(held):
            assert this.until == following.since
            assert this.since < this.until
        for each in held:
            for moment in (each.since, each.until - timedelta(microseconds=1)):
                assert on_duty(found, layer, moment) == each


@settings(max_examples=60, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    minutes=st.integers(0, 2 * 365 * 1440),
    handover=st.sampled_from(["daily", "weekly"]),
)
def test_shifts_agree_with_counting_handovers_one_by_one(
    zone: str, minutes: int, handover: str
) -> None:
    """A slow way to the same answer: every handover up to the moment is counted."""
    found = rota(zone, handover=handover, at="00:30")
    moment = datetime(2026, 1, 6, 12, tzinfo=UTC) + timedelta(minutes=minutes)
    step = timedelta(days=1 if handover == "daily" else 7)
    wall, count = datetime.fromisoformat("2026-01-05T00:30"), -1
    while wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) <= moment:
        wall, count = wall + step, count + 1

    assert on_duty(found, "primary", moment).person == PEOPLE[count % 3]


def test_who_stands_in_has_the_days_and_nothing_else() -> None:
    """From the first midnight to the last; of two at once the later in the list."""
    overrides = [
        {"person": "cyd", "from": "2026-12-24", "until": "2026-12-27"},
        {"person": "ben", "from": "2026-12-25 18:00", "until": "2026-12-26"},
        {"person": "cyd", "from": "2026-12-30", "until": "2026-12-31", "layer": "second"},
    ]
    found = rota(overrides=overrides)

    held = walk(found, "primary", berlin("2026-12-23T00:00"), berlin("2026-12-28T08:00"))
    stretches = [(each.person, each.why) for each in held]

    assert stretches == [
        ("cyd", "shift"),
        ("cyd", "override"),
        ("ben", "override"),
        ("cyd", "override"),
        ("cyd", "shift"),
    ]
    assert held[1].since == berlin("2026-12-24T00:00")
    assert on_duty(found, "second", berlin("2026-12-30T12:00")).why == "override"
    assert on_duty(found, "primary", berlin("2026-12-30T12:00")).why == "shift"


def test_names_stand_for_channels_of_whoever_is_on_call() -> None:
    """The rota alone for its first layer; each channel once; channels for themselves."""
    rotas = {"crew": rota()}
    at = berlin("2026-01-05T10:00")

    assert reached(["mail", "crew", "crew/primary"], rotas, at) == ("mail", "ann_phone")
    assert reached(["crew/second"], rotas, at) == ("ben_phone",)
    assert person_of("crew", rotas, at + timedelta(days=7)) == "ben"
    assert person_of("mail", rotas, at) is None
    assert [each.layer for each in duties(rotas["crew"], at)] == ["primary", "second"]
