"""What is wrong with a request, and the answer that says so."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal, TypeAlias

Place: TypeAlias = Literal["path", "query", "header", "cookie", "body", "method"]

CONTENT_TYPE = "application/problem+json"
MAX_TOLD = 50
"""Of one request."""
MAX_TEXT = 300

_ORDER = (404, 405, 413, 415, 400, 422)
"""The first of these that something is wrong by is the answer's."""
_DETAIL = {
    404: "no operation of this API has this path",
    405: "the path does not have this method",
    413: "the body is larger than may be checked",
    415: "the body is of a kind that this operation does not take",
    400: "the request is not as this operation's description says",
    422: "the body is not as this operation's description says",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong. No value that was sent is ever told."""

    place: Place
    name: str
    """Of a parameter; of the body, a JSON Pointer into it."""
    message: str
    status: int = 400
    allow: tuple[str, ...] = ()
    """Of a wrong method: those that are right."""


@dataclass(frozen=True, slots=True)
class Problem:
    """The answer to a request that is refused."""

    status: int
    detail: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """Beside its content type."""


def problem(violations: Sequence[Violation]) -> Problem:
    """The answer (RFC 9457) to a request with at least one violation."""
    status = min((each.status for each in violations), key=_ORDER.index)
    detail = _DETAIL[status]
    told = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "violations": [_told(each) for each in violations[:MAX_TOLD]],
    }
    body = json.dumps(told, separators=(",", ":")).encode()
    allow = next((each.allow for each in violations if each.allow), ())
    return Problem(status, detail, body, {"allow": ", ".join(allow)} if allow else {})


def _told(violation: Violation) -> dict[str, str]:
    key = "pointer" if violation.place == "body" else "name"
    return {
        "in": violation.place,
        key: violation.name[:MAX_TEXT],
        "message": violation.message[:MAX_TEXT],
    }
