"""What an answer means: errors of every vendor become one tree."""

import json
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from math import inf
from typing import Any, TypeVar

from pydantic import SecretStr

from intertie.integrations.call import Call, Step, Tools
from intertie.integrations.data import Errors, Limits
from intertie.integrations.errors import (
    AbsentError,
    AuthExpiredError,
    ClashError,
    IntegrationError,
    InvalidError,
    QuotaSpentError,
    ScopeMissingError,
    ThrottledError,
    VendorDownError,
)
from intertie.integrations.look import at, first_text
from intertie.integrations.message import Response

_CURES = {
    "auth": (AuthExpiredError, "does not take these credentials"),
    "forbidden": (ScopeMissingError, "does not allow this"),
    "absent": (AbsentError, "has no such thing"),
    "clash": (ClashError, "has it otherwise by now"),
    "throttled": (ThrottledError, "was asked too often"),
    "spent": (QuotaSpentError, "has given all that it allows for now"),
    "vendor_down": (VendorDownError, "fails"),
    "invalid": (InvalidError, "refuses the request"),
}
Else = TypeVar("Else", float, None)
_OK = 200
_REDIRECT = 300
_BAD = 400
_MAX_TOLD = 300
_LEAST_SECRET = 8
"""Shorter texts are no secrets, and may be a part of any word."""
_AGAIN = {"true": True, "false": False}
_EPOCH_S = 1_000_000_000
_EPOCH_MS = _EPOCH_S * 1000


class Meaning:
    """A step."""

    def __init__(self, inner: Step, tools: Tools) -> None:
        self._inner = inner
        self._tools = tools

    async def __call__(self, call: Call) -> Response:
        """Raises IntegrationError unless the vendor did what it was asked."""
        response = await self._inner(call)
        errors = call.connection.errors
        good = _OK <= response.status < _REDIRECT
        if good and (not errors.code or errors.code_from >= _REDIRECT):
            return response
        told = _parsed(response.body) if response.told is None else response.told
        what = _what(errors, response.status, told)
        if what is None:
            return response
        raise self._error(call, response, told, what)

    def _error(self, call: Call, response: Response, told: Any, what: str) -> IntegrationError:
        kind, says = _CURES[what]
        connection, errors = call.connection, call.connection.errors
        why = _plain(_without_secrets(first_text(told, errors.message), call)[:_MAX_TOLD])
        needed = _scopes(told, errors) if kind is ScopeMissingError else ()
        why = f"{why}; it needs {', '.join(needed)}" if needed else why
        name = call.operation.name
        text = f"cannot {name} with {connection.label}: {connection.kind} {says}"
        text = f"{text} ({response.status}): {why}" if why else f"{text} ({response.status})"
        made: IntegrationError = kind(text, status=response.status)
        word = next(iter(_words(errors, told)), "")
        made.code = _plain(_without_secrets(word, call)[:_MAX_TOLD])
        made.again = _AGAIN.get(response.headers.get(errors.retry_from, ""))
        if kind in {ThrottledError, VendorDownError}:
            made.retry_after_s = pause_s(response, connection.limits, now_s=self._tools.clock())
        if isinstance(made, ScopeMissingError):
            made.scopes = needed
        return made


def _what(errors: Errors, status: int, told: Any) -> str | None:
    """A word of `_CURES`; None is no error."""
    words = _words(errors, told) if status >= errors.code_from else []
    known = [errors.codes[word] for word in words if word in errors.codes]
    if known:
        return known[0]
    if words and status < _BAD:
        return "invalid"
    if _OK <= status < _REDIRECT:
        return None
    for what in ("auth", "forbidden", "absent", "clash", "throttled", "vendor_down"):
        if status in getattr(errors, what):
            return what
    return "invalid" if status < 500 else "vendor_down"  # noqa: PLR2004 - HTTP


def _words(errors: Errors, told: Any) -> list[str]:
    """The vendor's own words for what went wrong."""
    paths = (errors.code,) if isinstance(errors.code, str) else errors.code
    found = [at(told, path) for path in paths if path]
    flat = [word for each in found for word in (each if isinstance(each, list) else [each])]
    return [str(word) for word in flat if word not in (None, "", 0, {})]


def _without_secrets(text: str, call: Call) -> str:
    """Some vendors say back what they were told."""
    told = [value for _, value in call.connection.settings if isinstance(value, SecretStr)]
    for secret in (*(each.get_secret_value() for each in told), call.token):
        if len(secret) >= _LEAST_SECRET:
            text = text.replace(secret, "***")
    return text


def _plain(text: str) -> str:
    """On one line, and nothing in it that a terminal obeys."""
    return "".join(each if each.isprintable() else " " for each in text).strip()


def _scopes(told: Any, errors: Errors) -> tuple[str, ...]:
    found = at(told, errors.scopes) if errors.scopes else None
    return tuple(found[:_MAX_TOLD].replace(",", " ").split()) if isinstance(found, str) else ()


def pause_s(response: Response, limits: Limits, *, now_s: float) -> float | None:
    """How long to wait; where nothing says so and nothing remains, until there is more."""
    headers = response.headers
    # Times are by the vendor's clock; what that says now is in `date` (RFC 9110, 6.6.1).
    now_s = _moment_s(headers.get("date", ""), now_s)
    told_s = wait_s(headers, limits.wait_from, now_s=now_s)
    if told_s is None and headers.get(limits.remaining, "0") == "0":
        return wait_s(headers, (limits.reset,), now_s=now_s)
    return told_s


def wait_s(headers: Mapping[str, str], names: tuple[str, ...], *, now_s: float) -> float | None:
    """The longest that any of these headers asks for: seconds, a time, or a date."""
    found = [_seconds(headers[name], now_s) for name in names if name in headers]
    known = [each for each in found if each is not None]
    return max(known, default=None)


def _seconds(text: str, now_s: float) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return _until(text, now_s)
    if not 0 <= number < inf:
        return None
    if number >= _EPOCH_MS:
        return max(number / 1000 - now_s, 0.0)
    return max(number - now_s if number >= _EPOCH_S else number, 0.0)


def _until(text: str, now_s: float) -> float | None:
    moment_s = _moment_s(text, None)
    return None if moment_s is None else max(moment_s - now_s, 0.0)


def _moment_s(text: str, default: Else) -> float | Else:
    """Seconds since 1970 of a date."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return default
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment.timestamp()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None
