"""Byte ranges and entity tags of HTTP (RFC 9110, sections 13 and 14), without I/O."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from intertie_media.errors import Refused

_RANGE = re.compile(r"bytes=\s*(?:(\d{1,18})-(\d{0,18})|-(\d{1,18}))\s*")


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `start` (inclusive) to `end` (exclusive)."""

    start: int
    end: int


def wanted(headers: Mapping[str, str], size: int, etag: str) -> Part | None:
    """The one part asked for, None for the whole.

    Several parts, other units and what cannot be read are answered with the whole, as the RFC
    allows. Raises Refused (416) for a part that begins behind the end.
    """
    if headers.get("if-range", etag) != etag:
        return None
    found = _RANGE.fullmatch(headers.get("range", ""))
    if found is None:
        return None
    first, last, suffix = found.groups()
    if suffix is not None:
        start, end = max(0, size - int(suffix)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return None
    if start >= end:
        raise Refused(
            f"cannot send that range: there are {size} bytes",
            status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            code="range_not_satisfiable",
            size=size,
        )
    return Part(start, end)


def is_unchanged(headers: Mapping[str, str], etag: str) -> bool:
    """Whether the client has this very version already."""
    known = headers.get("if-none-match", "")
    return known.strip() == "*" or etag in {
        tag.strip().removeprefix("W/") for tag in known.split(",")
    }
