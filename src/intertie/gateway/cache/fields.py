"""Header fields of HTTP as a cache reads them. Pure: bytes in, values out, nothing raised."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

Headers = list[tuple[bytes, bytes]]
"""In the order they came; names as they were sent."""

MAX_SECONDS: Final = 2**31
"""What a longer time is taken for (RFC 9111 §1.2.2)."""

_DIRECTIVE = re.compile(
    rb"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=(\"(?:[^\"\\]|\\.)*\"|[^,]*))?\s*(?:,|$)|([^,]*)(?:,|$)"
)
_TAG = re.compile(rb'\s*(?:W/)?("[^"]*"|[^\s,"]+)\s*(?:,|$)', re.IGNORECASE)
_ASCII_DIGITS = re.compile(rb"[0-9]{1,40}")
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        b"jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1
    )
}
_IMF = re.compile(rb"[a-z]{3}, ([0-9]{2}) ([a-z]{3}) ([0-9]{4}) ([0-9:]{8}) gmt", re.IGNORECASE)
_RFC850 = re.compile(
    rb"[a-z]{6,9}, ([0-9]{2})-([a-z]{3})-([0-9]{2}) ([0-9:]{8}) gmt", re.IGNORECASE
)
_ASCTIME = re.compile(rb"[a-z]{3} ([a-z]{3}) ([ 0-9]{2}) ([0-9:]{8}) ([0-9]{4})", re.IGNORECASE)
_CLOCK = re.compile(rb"([0-9]{2}):([0-9]{2}):([0-9]{2})")
_CENTURY, _HALF_CENTURY = 100, 50


def values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[bytes]:
    """Each line of that field; `name` in lower case."""
    return [value for key, value in headers if key.lower() == name]


def joined(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """All lines of that field as one; None where there is none."""
    found = values(headers, name)
    return b", ".join(found) if found else None


def directives(value: bytes | None) -> dict[bytes, bytes | None]:
    """Of Cache-Control: the first of each name counts (RFC 9111 §4.2.1); quotes are taken off."""
    found: dict[bytes, bytes | None] = {}
    if not value:
        return found
    for name, argument, _ in _DIRECTIVE.findall(value):
        if name:
            text = argument.strip()
            quoted = text.startswith(b'"') and text.endswith(b'"') and len(text) > 1
            found.setdefault(name.lower(), (text[1:-1] if quoted else text) or None)
    return found


def seconds(found: Mapping[bytes, bytes | None], name: bytes) -> int | None:
    """Of one directive; one that makes no sense is 0, for it must not make anything fresh."""
    if name not in found:
        return None
    text = found[name] or b""
    if not _ASCII_DIGITS.fullmatch(text):
        return 0
    return min(int(text), MAX_SECONDS)


def names(value: bytes | None) -> tuple[bytes, ...]:
    """Of a list of field names, in lower case."""
    return tuple(each.strip().lower() for each in (value or b"").split(b",") if each.strip())


def date(value: bytes | None) -> float | None:
    """Seconds since 1970 in any of the three forms (RFC 9110 §5.6.7); None for anything else."""
    text = (value or b"").strip()
    for pattern, order in ((_IMF, (2, 1, 0)), (_RFC850, (2, 1, 0)), (_ASCTIME, (3, 0, 1))):
        found = pattern.fullmatch(text)
        if found:
            parts = found.groups()
            clock = parts[2] if pattern is _ASCTIME else parts[3]
            year, month, day = (parts[place] for place in order)
            return _timestamp(year, month, day, clock)
    return None


def _timestamp(year: bytes, month: bytes, day: bytes, clock: bytes) -> float | None:
    time = _CLOCK.fullmatch(clock)
    if time is None or month.lower() not in _MONTHS:
        return None
    hour, minute, second = (int(each) for each in time.groups())
    try:
        # A leap second is the one before it.
        moment = datetime(
            _year(year), _MONTHS[month.lower()], int(day), hour, minute, min(second, 59), tzinfo=UTC
        )
    except ValueError:
        return None
    return moment.timestamp()


def _year(text: bytes) -> int:
    """Two digits are of the last hundred years, or at most 50 ahead (RFC 9110 §5.6.7)."""
    year = int(text)
    if len(text) > 2:  # noqa: PLR2004 — digits of a short year
        return year
    current = datetime.now(UTC).year
    year += current - current % _CENTURY
    return year - _CENTURY if year > current + _HALF_CENTURY else year


def http_date(at: float) -> bytes:
    """As Date and Last-Modified have it."""
    return format_datetime(datetime.fromtimestamp(int(at), UTC), usegmt=True).encode()


def age(lines: list[bytes]) -> int | None:
    """Of Age; None when it makes no sense, which is then old beyond use.

    RFC 9111 §5.1 would have us take the first of a list; whoever sends two ages knows none.
    """
    if not lines:
        return 0
    text = lines[0].strip()
    if len(lines) > 1 or not _ASCII_DIGITS.fullmatch(text):
        return None
    return min(int(text), MAX_SECONDS)


def entity_tags(value: bytes) -> list[bytes]:
    """Of If-None-Match, without what marks them as weak."""
    return _TAG.findall(value)


def opaque(tag: bytes) -> bytes:
    """A tag without what marks it as weak (RFC 9110 §8.8.3.2, weak comparison)."""
    text = tag.strip()
    return text[2:] if text[:2] in {b"W/", b"w/"} else text
