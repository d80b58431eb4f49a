"""How much one client, tenant or route may ask for."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal, Self, cast, get_args

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from intertie.suite.values import Flag, Model, at

Unit = Literal["second", "minute", "hour", "day", "month"]
UNITS: tuple[Unit, ...] = get_args(Unit)
"""The shortest first."""
SECONDS: dict[Unit, int] = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "month": 30 * 86_400,
}
"""A month is 30 days that end now, but for windows of the calendar."""

MAX_COUNT = 1_000_000_000
_RATE = re.compile(r"\s*([0-9]{1,10})\s*(?:(?:/|per)\s*(second|minute|hour|day|month))?\s*")
_HEADER = r"header:[A-Za-z0-9-]{1,64}"
_PART = re.compile(rf"client|ip|tenant|route|{_HEADER}")


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """So many requests in any stretch of time that is this long."""

    period_s: int
    count: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.count}/{self.unit}"


def parse_rate(value: object) -> Window:
    """The window of `1000/hour`; a number alone is an hour's.

    Raises ValueError for anything else.
    """
    if isinstance(value, Window):
        return value
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    found = _RATE.fullmatch(text) if isinstance(text, str) else None
    count = int(found[1]) if found else 0
    if found is None or not 1 <= count <= MAX_COUNT:
        raise ValueError("expected a rate such as 1000/hour or 100/minute")
    unit = cast("Unit", found[2] or "hour")
    return Window(SECONDS[unit], count, unit)


def parse_windows(value: object) -> tuple[Window, ...]:
    """All windows of `1000/hour, 100/minute`, or of a list of rates; the shortest first.

    Raises ValueError for anything else, and for two windows of one unit.
    """
    parts = value.split(",") if isinstance(value, str) else value
    if isinstance(parts, int | Window):
        parts = [parts]
    if not isinstance(parts, list | tuple) or not parts:
        raise ValueError("expected rates such as 1000/hour, 100/minute")
    found = sorted(parse_rate(part) for part in cast("Iterable[object]", parts))
    if len({window.unit for window in found}) < len(found):
        raise ValueError("expected each unit of time once")
    return tuple(found)


def _key(value: str) -> str:
    parts = value.split("+")
    if not all(map(_PART.fullmatch, parts)) or len(set(parts)) < len(parts) or parts == ["route"]:
        raise ValueError("expected client, ip, tenant or header:x, each also with +route")
    return "+".join(sorted(part.lower() for part in parts))


def _text(windows: Iterable[Window]) -> str:
    return ", ".join(map(str, windows))


_Pattern = Annotated[str, Field(pattern=r"^[0-9a-z/, ]+$")]
RateText = Annotated[
    Window,
    BeforeValidator(parse_rate, json_schema_input_type=int | _Pattern),
    PlainSerializer(str, return_type=str),
]
"""One window: `100/minute`."""
Windows = Annotated[
    tuple[Window, ...],
    BeforeValidator(parse_windows, json_schema_input_type=int | _Pattern | list[int | _Pattern]),
    PlainSerializer(_text, return_type=str),
]
"""One window or several: `1000/hour, 100/minute`."""
LimitKey = Annotated[str, AfterValidator(_key)]
Consumer = Annotated[str, Field(pattern=r"^(user|key|service):[!-~]{1,200}$")]
"""As `Principal.client` tells it."""


class RateLimiting(Model):
    """How often a client may ask, and what it is told when that was too often."""

    default_rate: Annotated[RateText, Field(json_schema_extra={"default": "1000/hour"})] = (
        parse_rate("1000/hour")
    )
    """Of one client, on all routes that name no rate of their own together."""
    burst_rate: Annotated[RateText | None, Field(json_schema_extra={"default": "100/minute"})] = (
        parse_rate("100/minute")
    )
    """Of the same requests, in a shorter time; None does without."""
    throttling_response: Annotated[int, Field(ge=400, le=599)] = 429
    """The status of a refusal."""
    key: LimitKey = "client"
    """What is counted by itself: `client` (who it proved to be, else its address), `ip`, `tenant`,
    `header:x-team`, or several with `+`; `+route` counts each route by itself."""
    counters: Literal["local", "shared"] = "local"
    """Counted by each gateway, or by all together in the counter engine."""
    outage: Literal["open", "closed"] = "open"
    """While the shared counters are away each gateway counts for itself, or refuses with 503."""
    gateways: Annotated[int, Field(ge=1, le=1000)] = 1
    """How many share the counters: what each may grant while they are away is a limit's share."""
    shadow: Flag = False
    """Count and log, refuse nobody."""
    preflight_rate: Annotated[
        RateText | None, Field(json_schema_extra={"default": "100/minute"})
    ] = parse_rate("100/minute")
    """Of CORS preflights, by address, apart from all others; None does not limit them."""
    algorithm: Literal["sliding", "bucket", "fixed"] = "sliding"
    """`sliding` never lets more than a rate pass in any stretch of its length. `bucket` refills
    windows of a second or a minute evenly: after a pause up to twice the rate in one length.
    `fixed` counts each second, minute, hour, day and month of UTC's calendar by itself: up to twice
    the rate in one length, at the turn."""
    calendar: Flag = False
    """Windows of a day and a month are `fixed`, whatever `algorithm` says: a quota that is full
    again at midnight UTC, or on the first of the month."""
    consumers: dict[Consumer, Windows] = {}
    """Of single users and keys, in place of the rates above: `key:3f9a: 5000/hour`."""

    @model_validator(mode="after")
    def _units_differ(self) -> Self:
        if self.burst_rate is not None and self.burst_rate.period_s >= self.default_rate.period_s:
            raise at("burst_rate", "expected a shorter time than that of `default_rate`")
        return self

    @model_validator(mode="after")
    def _calendar_is_shared(self) -> Self:
        name = "calendar" if self.calendar else "algorithm"
        if self.counters != "shared" and (self.calendar or self.algorithm == "fixed"):
            # A gateway's own counters are buckets, and gone with it.
            raise at(name, "expected `counters: shared`, which windows of the calendar need")
        return self
