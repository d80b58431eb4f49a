"""One POST over HTTP, and what its answer means for a notice."""

import ssl
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import cast

import httpx
from anyio import fail_after, to_thread

from intertie.monitor.channels.port import ChannelError, secrets_in, shown

TIMEOUT_S = 10.0
_MOST_READ = 64 * 1024
_LATER = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: httpx.Headers
    text: str
    """Its first 64 KiB."""


class Post:
    """Posts for one channel, a connection for each: notices are rare."""

    def __init__(
        self, channel: str, trusted: ssl.SSLContext | None, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._channel = channel
        self._trusted = trusted
        self._timeout_s = timeout_s

    async def __call__(
        self, url: str, body: bytes, headers: Mapping[str, str], *, secrets: Iterable[str] = ()
    ) -> str:
        """What the other side said to it, without `secrets` and all of `url` but its host.

        Redirects are not followed: what is meant for one address is for no other. Raises
        ChannelError.
        """
        cannot = f"cannot tell by {self._channel!r}"
        host = _host(url)
        if host is None:
            raise ChannelError(f"{cannot}: its `url` is no address of http or https", retry=False)
        hidden = (*secrets, *secrets_in(url))
        try:
            with fail_after(self._timeout_s):
                answer = await self._exchange(url, body, headers)
        except (TimeoutError, httpx.TimeoutException):
            why = f"{cannot}: {host} does not answer within {self._timeout_s:g}s"
            raise ChannelError(why, retry=True) from None
        except httpx.HTTPError as exc:
            why = shown(str(exc), hidden) or type(exc).__name__
            # The cause may quote the address.
            raise ChannelError(f"{cannot}: {host}: {why}", retry=True) from None
        return _judged(answer, shown(answer.text, hidden), cannot=f"{cannot}: {host}")

    async def _exchange(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        trusted = self._trusted
        if trusted is None:
            trusted = await to_thread.run_sync(_system_trust)
        own = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        async with (
            httpx.AsyncClient(
                timeout=self._timeout_s, verify=trusted, trust_env=False, follow_redirects=False
            ) as client,
            client.stream("POST", url, content=body, headers={**own, **headers}) as answer,
        ):
            raw = await _read(answer)
        return Answer(answer.status_code, answer.headers, raw.decode("utf-8", "replace"))


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """What `Retry-After` asks for, in seconds; a date counts from the answer's own `Date`."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked[:9])
    try:
        until, sent = (_aware(headers.get(name, "")) for name in ("Retry-After", "Date"))
    except ValueError:
        return None
    return max(0.0, (until - sent).total_seconds())


def _aware(text: str) -> datetime:
    moment = parsedate_to_datetime(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _system_trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _host(url: str) -> str | None:
    """None: nothing that can be posted to."""
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        return None
    return parts.host if parts.scheme in {"http", "https"} and parts.host else None


async def _read(answer: httpx.Response) -> bytes:
    """Its first 64 KiB, as they came: nothing is unpacked."""
    found = bytearray()
    # It is a generator, though its library does not say so.
    chunks = cast("AsyncGenerator[bytes, None]", answer.aiter_raw())
    async with aclosing(chunks):
        async for chunk in chunks:
            found += chunk
            if len(found) >= _MOST_READ:
                break
    return bytes(found[:_MOST_READ])


def _judged(answer: Answer, said: str, *, cannot: str) -> str:
    status = answer.status
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return shown(f"{status} {said}")
    why = f"{cannot} answers {status}"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        raise ChannelError(f"{why}: set `url` to where it redirects to", retry=False)
    later = status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    raise ChannelError(
        f"{why}: {said}" if said else why,
        retry=later,
        retry_after_s=retry_after_s(answer.headers) if later else None,
    )
