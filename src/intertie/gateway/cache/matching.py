"""Which kept answer a request selects, and which part of it: Vary and conditions. Pure."""

from typing import Final

from intertie.gateway.cache import fields
from intertie.gateway.cache.fields import Headers
from intertie.gateway.cache.message import Answer, Request

Chosen = tuple[tuple[bytes, bytes | None], ...]
"""Fields that Vary names, and what the request said in them; a pair each, so that no value of one
can pass for the border to the next."""

_WEIGHED: Final = frozenset({b"accept", b"accept-language", b"accept-encoding", b"accept-charset"})
_NOT_OF_304: Final = frozenset(
    {b"content-length", b"content-encoding", b"content-type", b"content-range", b"content-md5"}
)


def chosen(answer: Answer, request: Request) -> Chosen:
    """What selects this answer among those of its address (RFC 9111 §4.1)."""
    named = sorted(set(fields.names(answer.all(b"vary"))))
    return tuple((name, normal(name, request.get(name))) for name in named)


def selects(wanted: Chosen, request: Request) -> bool:
    """Whether the request is told the same as the one that was answered."""
    return all(normal(name, request.get(name)) == value for name, value in wanted)


def normal(name: bytes, value: bytes | None) -> bytes | None:
    """What means the same is the same."""
    if value is None or b'"' in value:
        return value
    parts = [each.strip() for each in value.split(b",")]
    if name in _WEIGHED:
        parts = sorted(each.lower().replace(b" ", b"") for each in parts if each)
    return b",".join(parts)


def is_not_modified(request: Request, headers: Headers) -> bool:
    """Whether the client has what these are the headers of (RFC 9110 §13.1.2, §13.1.3)."""
    tags = request.get(b"if-none-match")
    if tags is not None:
        stored = fields.joined(headers, b"etag")
        if tags.strip() == b"*":
            return True
        return stored is not None and _has(tags, stored)
    since = fields.date(request.get(b"if-modified-since"))
    if since is None:
        return False
    changed = fields.date(
        fields.joined(headers, b"last-modified") or fields.joined(headers, b"date")
    )
    return changed is not None and changed <= since


def _has(tags: bytes, stored: bytes) -> bool:
    wanted = fields.opaque(stored)
    return wanted in fields.entity_tags(tags) or fields.opaque(tags) == wanted


def of_304(headers: Headers) -> Headers:
    """What a 304 repeats of the answer it stands for (RFC 9110 §15.4.5)."""
    return [(key, value) for key, value in headers if key.lower() not in _NOT_OF_304]


def range_holds(request: Request, headers: Headers) -> bool:
    """Whether If-Range lets the Range of the request count (RFC 9110 §13.1.5)."""
    told = request.get(b"if-range")
    if told is None:
        return True
    text = told.strip()
    if text.startswith(b'"'):
        return text == fields.joined(headers, b"etag")
    when = fields.date(text)
    return when is not None and when == fields.date(fields.joined(headers, b"last-modified"))
