"""Targets that are sent JSON over HTTP."""

import gzip
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from time import time
from urllib.parse import urlsplit

import httpx
from anyio import to_thread

from intertie.forward.record import Record
from intertie.forward.sender import BusyError, RefusedError

_TIMEOUT_S = 10.0
_SHOWN = 200
_LONGEST_WAIT_S = 300.0
_REFUSALS = {
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNPROCESSABLE_ENTITY,
}
"""What is the fault of the records. All else may be mended at the other end, or in the suite."""

Encode = Callable[[Sequence[Record]], object]
CountLost = Callable[[object], int]


class HttpSender:
    """Posts what `encode` makes of the records."""

    def __init__(
        self, client: httpx.AsyncClient, url: str, *, encode: Encode, lost: CountLost
    ) -> None:
        """`lost` reads from the JSON of a good answer how many records were thrown away."""
        self._client = client
        self._url = url
        parts = urlsplit(url)
        # Without what may be secret in it.
        self._shown = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
        self._encode = encode
        self._lost = lost

    async def send(self, records: Sequence[Record]) -> int:
        """As `Sender`."""
        body = await to_thread.run_sync(self._body, records)
        try:
            answer = await self._client.post(self._url, content=body)
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise BusyError(
                f"cannot reach {self._shown}: {str(exc) or type(exc).__name__}"
            ) from exc
        if answer.is_success:
            return self._lost(_json(answer))
        why = f"{self._shown} answers {answer.status_code}: {answer.text[:_SHOWN].strip()}"
        if answer.status_code in _REFUSALS:
            raise RefusedError(why)
        raise BusyError(why, after_s=_retry_after_s(answer))

    def _body(self, records: Sequence[Record]) -> bytes:
        text = json.dumps(self._encode(records), separators=(",", ":"), ensure_ascii=False)
        # What is no text in a log became U+FFFD; what JSON escapes may still hold lone surrogates.
        return gzip.compress(text.encode("utf-8", "replace"), compresslevel=1)


@asynccontextmanager
async def opened(
    url: str, headers: Mapping[str, str], *, encode: Encode, lost: CountLost
) -> AsyncIterator[HttpSender]:
    """One kept connection."""
    own = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with httpx.AsyncClient(headers={**own, **headers}, timeout=_TIMEOUT_S) as client:
        yield HttpSender(client, url, encode=encode, lost=lost)


def _json(answer: httpx.Response) -> object:
    try:
        return answer.json() if answer.content else None
    except ValueError:
        return None


def _retry_after_s(answer: httpx.Response) -> float:
    """RFC 9110, 10.2.3: seconds, or a date."""
    said = answer.headers.get("Retry-After", "")
    try:
        until_s = 0.0 if said.isdecimal() else parsedate_to_datetime(said).timestamp()
        wait_s = until_s - time() if until_s else float(said)
    except ValueError:
        return 0.0
    return min(max(0.0, wait_s), _LONGEST_WAIT_S)
