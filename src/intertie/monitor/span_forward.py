"""Batches of spans passed on to another collector, such as Jaeger or Tempo, as they came.

Nobody waits for it: what it does not take in time, or what does not fit the queue, is dropped.
"""

import gzip
import logging
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

import httpx
from anyio import Event, sleep, to_thread

log = logging.getLogger(__name__)

MOST_BYTES = 32 << 20
"""Of the queue, not compressed."""
MOST_TRIES = 8

_POST_S = 10.0
_BASE_S = 0.5
_CAP_S = 30.0
_SECONDS = re.compile(r"[0-9]{1,5}")
_AGAIN = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
"""What OTLP lets be sent again; all else is the fault of the batch, or of the suite."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A request to export, as it came."""

    body: bytes
    content_type: str
    spans: int


@dataclass(slots=True)
class Count:
    """What became of spans, since the start."""

    sent: int = 0
    dropped: int = 0
    reason: str = ""
    """Why it does not go on now; empty: it does."""


class SpanForward:
    """One collector at `url`, its full path; `random` gives numbers from 0 to 1."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        *,
        headers: Mapping[str, str],
        random: Callable[[], float],
        base_s: float = _BASE_S,
    ) -> None:
        self.count = Count()
        self._client = client
        self._url = url
        self._headers = headers
        self._random = random
        self._base_s = base_s
        self._waiting: deque[Batch] = deque()
        self._waiting_bytes = 0
        self._filled = Event()

    def put(self, batch: Batch) -> None:
        """Pass it on some time; the oldest that waits goes when there is no room."""
        self._waiting.append(batch)
        self._waiting_bytes += len(batch.body)
        while self._waiting_bytes > MOST_BYTES:
            self.count.dropped += self._pop().spans
        self._filled.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            if not self._waiting:
                self._filled = Event()
                await self._filled.wait()
            await self._pass_on(self._pop())

    def _pop(self) -> Batch:
        batch = self._waiting.popleft()
        self._waiting_bytes -= len(batch.body)
        return batch

    async def _pass_on(self, batch: Batch) -> None:
        body = await to_thread.run_sync(gzip.compress, batch.body, 1)
        for attempt in range(MOST_TRIES):
            wait_s, reason = await self._post(body, batch.content_type)
            self._tell(reason)
            if not reason:
                self.count.sent += batch.spans
                return
            if wait_s is None:
                break
            wished_s = self._base_s * 2**attempt * (0.5 + self._random() / 2)
            await sleep(min(_CAP_S, max(wait_s, wished_s)))
        self.count.dropped += batch.spans

    async def _post(self, body: bytes, content_type: str) -> tuple[float | None, str]:
        """Seconds to wait at least before it is sent again, None: never; and why it failed."""
        headers = {**self._headers, "content-type": content_type, "content-encoding": "gzip"}
        try:
            answer = await self._client.post(
                self._url, content=body, headers=headers, timeout=_POST_S
            )
        except httpx.RequestError as exc:
            return 0.0, str(exc) or type(exc).__name__
        if answer.is_success:
            return None, ""
        reason = f"it answers {answer.status_code}"
        if answer.status_code not in _AGAIN:
            return None, reason
        asked = answer.headers.get("retry-after", "")
        return float(asked) if _SECONDS.fullmatch(asked) else 0.0, reason

    def _tell(self, reason: str) -> None:
        if reason and not self.count.reason:
            log.warning("spans not passed on", extra={"url": self._url, "reason": reason})
        self.count.reason = reason
