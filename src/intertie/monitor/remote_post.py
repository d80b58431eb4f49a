"""One request of remote write, and what its answer means for the samples in it."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

import httpx
from anyio import fail_after, to_thread

from intertie.errors import IntertieError
from intertie.monitor.channels.port import secrets_in, shown
from intertie.monitor.channels.post import retry_after_s
from intertie.monitor.remote_wire import HEADERS
from intertie.suite.values import MAX_PORT

_MOST_READ = 4096
_SHORTEST_SECRET = 8

Headers = Callable[[], Mapping[str, str]]
"""Asked at each request, in a thread: it may read secrets from files, and raise IntertieError."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request was not taken."""

    why: str
    reason: str = ""
    """For the count, when it is refused for good; empty: it may be taken later."""
    retry_after_s: float | None = None


class RemotePost:
    """Posts to one receiver."""

    def __init__(
        self, url: str, headers: Headers, client: httpx.AsyncClient, *, timeout_s: float = 30.0
    ) -> None:
        """Raises IntertieError when nothing can be posted to such an address."""
        self.host = _host(url)
        self._url = url
        self._headers = headers
        self._client = client
        self._timeout_s = timeout_s

    async def __call__(self, body: bytes) -> Refusal | None:
        """None: it is taken. What is told of the answer holds no secret. Never raises for it."""
        try:
            with fail_after(self._timeout_s):
                headers = await to_thread.run_sync(self._headers, abandon_on_cancel=True)
                return await self._exchange(body, headers)
        except (TimeoutError, httpx.TimeoutException):
            return Refusal(f"it does not answer within {self._timeout_s:g} s")
        except IntertieError as exc:
            return Refusal(str(exc))
        except httpx.HTTPError as exc:
            return Refusal(shown(str(exc), secrets_in(self._url)) or type(exc).__name__)

    async def _exchange(self, body: bytes, headers: Mapping[str, str]) -> Refusal | None:
        _check(headers)
        async with self._client.stream(
            "POST",
            self._url,
            content=body,
            headers={**headers, **HEADERS, "User-Agent": "intertie"},
            timeout=self._timeout_s,
            follow_redirects=False,  # what is meant for one address is for no other
        ) as answer:
            said = "" if answer.is_success else await _read(answer)
        hidden = (*_words(headers), *secrets_in(self._url))
        return judged(answer.status_code, shown(said, hidden), answer.headers)


def judged(status: int, said: str, headers: Mapping[str, str]) -> Refusal | None:
    """What an answer means: 2xx taken, 429 and 5xx perhaps later, all else refused for good."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    why = f"it answers {status}" + (f": {said}" if said else "")
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refusal(why, retry_after_s=retry_after_s(headers))
    return Refusal(why, reason=str(status))


def _host(url: str) -> str:
    why = "its `url` is no address of http or https"
    try:
        address = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        # Neither the text of the cause nor the address is shown: they may hold a password.
        raise IntertieError(f"cannot send samples: {why}") from None
    is_port = address.port is None or 0 < address.port <= MAX_PORT
    if address.scheme not in {"http", "https"} or not address.host or not is_port:
        raise IntertieError(f"cannot send samples: {why}")
    return address.host


def _check(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable()):
            raise IntertieError(
                f"cannot use header {name!r}: expected one line of ASCII characters; "
                "see the secret that it refers to"
            )


def _words(headers: Mapping[str, str]) -> Sequence[str]:
    """What of headers may be secret: `Bearer x` as a whole, and each long word of it."""
    values = [value for value in headers.values() if len(value) >= _SHORTEST_SECRET]
    words = [word for value in values for word in value.split() if len(word) >= _SHORTEST_SECRET]
    return [*values, *words]


async def _read(answer: httpx.Response) -> str:
    """Its first 4 KiB, as they came: nothing is unpacked."""
    found = bytearray()
    # It is a generator, though its library does not say so.
    chunks = cast("AsyncGenerator[bytes, None]", answer.aiter_raw())
    async with aclosing(chunks):
        async for chunk in chunks:
            found += chunk
            if len(found) >= _MOST_READ:
                break
    return bytes(found[:_MOST_READ]).decode("utf-8", "replace")
