"""Who is on call: people who take turns, and who stands in on certain days."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, time
from typing import Annotated, Literal, Self, cast
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from intertie.suite.values import Model, Name, at, one_or_more

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(rf"{_DATE.pattern}([T ]{_CLOCK.pattern}(:[0-5][0-9])?)?")


def _clock(value: object) -> object:
    if isinstance(value, str) and not _CLOCK.fullmatch(value):
        raise ValueError('expected a time of day such as "09:00"')
    return value


def _text_of(pattern: re.Pattern[str], wanted: str, value: object) -> object:
    text = value.isoformat() if isinstance(value, date) else value
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise ValueError(f"expected {wanted}")
    return text


def _day(value: object) -> object:
    return _text_of(_DATE, "a date such as 2026-12-24", value)


def _moment(value: object) -> object:
    wanted = 'a local date, or date and time, such as 2026-12-24 or "2026-12-24 18:00"'
    text = cast("str", _text_of(_MOMENT, wanted, value))
    return text if len(text) > len("2026-12-24") else f"{text}T00:00"


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, LookupError) as exc:
        raise ValueError(f"expected a time zone such as Europe/Berlin; {value!r} is none") from exc
    return value


Zone = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_zone)]
Clock = Annotated[time, BeforeValidator(_clock, json_schema_input_type=str)]
Day = Annotated[date, BeforeValidator(_day, json_schema_input_type=str)]
LocalMoment = Annotated[datetime, BeforeValidator(_moment, json_schema_input_type=str)]
Many = Annotated[
    tuple[Name, ...],
    Field(min_length=1),
    BeforeValidator(one_or_more, json_schema_input_type=str | list[str]),
]


class Person(Model):
    """Somebody who takes turns."""

    channels: Many
    """Channels of `monitoring.channels` that reach this person."""
    name: Annotated[str, Field(max_length=200)] = ""
    """For readers; empty: the key."""


class Layer(Model):
    """One post that is always held by exactly one person."""

    people: Many
    """Who takes turns, in that order; one name may be there more than once."""
    handover: Literal["daily", "weekly"] = "weekly"
    """How often the next one takes over."""
    day: Weekday = "monday"
    """Of a weekly handover."""
    at: Clock = time(9)
    """Local time of the handover; a time that the clock skips counts by the clock of before, of a
    time that it shows twice the first counts."""
    since: Day = date(1970, 1, 5)
    """The first of `people` has the shift that began last before the end of this day."""


class Override(Model):
    """Somebody stands in: holidays, sickness, a swap. Of two at once the later one here holds."""

    person: Name
    """Who stands in."""
    from_: Annotated[LocalMoment, Field(alias="from")]
    """Local time it begins; a date alone is its midnight."""
    until: LocalMoment
    """Local time it ends, not included; a date alone is its midnight."""
    layer: Name | None = None
    """Which layer; None: the first."""

    @model_validator(mode="after")
    def _has_length(self) -> Self:
        if self.until <= self.from_:
            raise at("until", "expected a time after `from`")
        return self


class Rota(Model):
    """People who are on call in turn."""

    timezone: Zone = "UTC"
    """Of all its times."""
    people: Annotated[dict[Name, Person], Field(min_length=1)]
    """By name."""
    layers: Annotated[dict[Name, Layer], Field(min_length=1)]
    """Posts, the first is the one meant by the rota's name alone; another is `ROTA/LAYER`."""
    overrides: tuple[Override, ...] = ()
    """Who stands in."""

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for name, layer in self.layers.items():
            for person in layer.people:
                if person not in self.people:
                    raise at("layers", f"{name} names {person!r}, which `people` does not have")
        for each in self.overrides:
            if each.person not in self.people:
                raise at("overrides", f"{each.person!r} is not among `people`")
            if each.layer is not None and each.layer not in self.layers:
                raise at("overrides", f"{each.layer!r} is not among `layers`")
        return self


def unknown(rotas: Mapping[str, Rota], channels: Collection[str]) -> Iterator[str]:
    """What rotas name that is not there, and names that mean two things; in words."""
    for name, rota in rotas.items():
        if name in channels:
            yield f"{name!r} is a channel already; a rota needs another name"
        for person, each in rota.people.items():
            for channel in each.channels:
                if channel not in channels:
                    yield f"{name}: {person} names {channel!r}, which `channels` does not have"


def targets(rotas: Mapping[str, Rota]) -> Iterator[str]:
    """Every name that stands for somebody on call."""
    for name, rota in rotas.items():
        yield name
        yield from (f"{name}/{layer}" for layer in rota.layers)
