"""Who is on call at a moment. Pure: the suite file and a moment in, a person out.

A shift begins at a local time. RFC 5545 section 3.3.5 holds for times that clocks skip (the offset
of before counts) and for times that they show twice (the first counts).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from intertie.suite.on_call import Layer, Override, Rota, Weekday

_WEEK = 7
_WEEKDAYS: Sequence[str] = get_args(Weekday)


@dataclass(frozen=True, slots=True)
class Duty:
    """One person's time on call, as far as it goes without a change."""

    layer: str
    person: str
    since: datetime
    until: datetime
    """Not included."""
    why: Literal["shift", "override"]


def on_duty(rota: Rota, layer: str, at: datetime) -> Duty:
    """Who holds the layer then. Raises KeyError for one that the rota does not have."""
    zone = ZoneInfo(rota.timezone)
    at = at.astimezone(UTC)
    spans = [(_local(each.from_, zone), _local(each.until, zone), each) for each in rota.overrides]
    mine = [span for span in spans if _layer(span[2], rota) == layer]
    edges = [edge for begin, end, _ in mine for edge in (begin, end)]
    standing = [each for begin, end, each in mine if begin <= at < end]
    if standing:
        begin, end = _around(at, edges)
        return Duty(layer, standing[-1].person, begin, end, "override")
    number = _shift_at(rota.layers[layer], zone, at)
    shift = [_begins(rota.layers[layer], zone, each) for each in (number, number + 1)]
    begin, end = _around(at, [*edges, *shift])
    people = rota.layers[layer].people
    return Duty(layer, people[number % len(people)], begin, end, "shift")


def duties(rota: Rota, at: datetime) -> Iterator[Duty]:
    """Of each layer then, the first first."""
    for layer in rota.layers:
        yield on_duty(rota, layer, at)


def reached(names: Sequence[str], rotas: Mapping[str, Rota], at: datetime) -> tuple[str, ...]:
    """Channels that the names stand for then, each once: a rota's or a layer's are its person's."""
    found: dict[str, None] = {}
    for name in names:
        rota, _, layer = name.partition("/")
        if rota not in rotas:
            found[name] = None
            continue
        duty = on_duty(rotas[rota], layer or first_layer(rotas[rota]), at)
        found.update(dict.fromkeys(rotas[rota].people[duty.person].channels))
    return tuple(found)


def person_of(name: str, rotas: Mapping[str, Rota], at: datetime) -> str | None:
    """Who is meant then; None: the name is that of a channel."""
    rota, _, layer = name.partition("/")
    if rota not in rotas:
        return None
    return on_duty(rotas[rota], layer or first_layer(rotas[rota]), at).person


def first_layer(rota: Rota) -> str:
    """The one that the rota's name alone stands for."""
    return next(iter(rota.layers))


def _layer(override: Override, rota: Rota) -> str:
    return override.layer or first_layer(rota)


def _around(at: datetime, edges: Sequence[datetime]) -> tuple[datetime, datetime]:
    """The nearest at or before it, and the nearest after it; there are such."""
    return max(each for each in edges if each <= at), min(each for each in edges if each > at)


def _shift_at(layer: Layer, zone: ZoneInfo, at: datetime) -> int:
    """Ordinal of the newest shift that has begun."""
    days = (at.astimezone(zone).date() - _anchor(layer)).days
    number = days // _days(layer)
    # A handover can be at another date there than its local one, where clocks skip it.
    while _begins(layer, zone, number) > at:
        number -= 1
    while _begins(layer, zone, number + 1) <= at:
        number += 1
    return number


def _begins(layer: Layer, zone: ZoneInfo, number: int) -> datetime:
    day = _anchor(layer) + timedelta(days=number * _days(layer))
    return _local(datetime.combine(day, layer.at), zone)


def _anchor(layer: Layer) -> date:
    """The day on which shift 0 begins."""
    if layer.handover == "daily":
        return layer.since
    behind = (layer.since.weekday() - _WEEKDAYS.index(layer.day)) % _WEEK
    return layer.since - timedelta(days=behind)


def _days(layer: Layer) -> int:
    return _WEEK if layer.handover == "weekly" else 1


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.replace(tzinfo=zone, fold=0).astimezone(UTC)
