"""All of a suite's tracing: what takes spans in, keeps them and passes them on."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from hmac import compare_digest
from pathlib import Path
from random import Random
from typing import Self

import httpx
from anyio import CapacityLimiter, create_task_group, sleep, to_thread

from intertie.errors import IntertieError
from intertie.monitor.span_forward import Batch, SpanForward
from intertie.monitor.span_intake import Export, read
from intertie.monitor.span_own import batch_of
from intertie.monitor.span_store import SpanStore
from intertie.monitor.spans import Span
from intertie.suite.tracing import SuiteTracing

_TIDY_S = 60.0
_AT_ONCE = 2
_MOST_WAITING = 32


class BusyError(IntertieError):
    """Too much comes at once; whoever sent it may send it again."""


class Tracing:
    """Takes batches of spans; what it has acknowledged is on the disk."""

    def __init__(
        self,
        store: SpanStore,
        forward: SpanForward | None,
        *,
        token: str,
        now_ms: Callable[[], int],
    ) -> None:
        self.store = store
        self.forward = forward
        """To the other collector; None: there is none."""
        self.taken = 0
        """Spans that came, since the start, also those that came before."""
        self.rejected = 0
        """Spans that could not be read, since the start."""
        self._token = token
        self._now_ms = now_ms
        self._reading = CapacityLimiter(_AT_ONCE)
        self._waiting = 0

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        config: SuiteTracing,
        folder: Path,
        *,
        token: str,
        resolve: Callable[[str], str],
        now_ms: Callable[[], int],
    ) -> AsyncIterator[Self]:
        """Keep them in `folder`; `token` lets a service send. Raises StoreError, IntertieError.

        `resolve` replaces references to secrets.
        """
        async with AsyncExitStack() as stack:
            store = await stack.enter_async_context(
                SpanStore.open(
                    folder / "traces.db",
                    retention_s=config.retention,
                    max_bytes=config.max_size,
                )
            )
            forward = None
            if config.forward_url is not None:
                client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
                headers = {name: resolve(text) for name, text in config.headers.items()}
                forward = _forward(client, config.forward_url, headers)
            yield cls(store, forward, token=token, now_ms=now_ms)

    def opens(self, authorization: str | None) -> bool:
        """Whether a service of the suite says so: all it may is send spans."""
        given = (authorization or "").encode()
        return compare_digest(given, f"Bearer {self._token}".encode())

    async def take(self, body: bytes, content_type: str, *, gzipped: bool = False) -> Export:
        """Read and keep a request to export.

        Raises IntertieError when all of it is faulty, BusyError, and StoreError: sending it again
        may help with both.
        """
        if self._waiting >= _MOST_WAITING:
            raise BusyError("cannot take spans: too many requests wait already; send them later")
        self._waiting += 1
        try:
            work = partial(read, body, content_type, gzipped=gzipped)
            export = await to_thread.run_sync(work, limiter=self._reading)
            await self.store.append(export.spans, self._now_ms())
        finally:
            self._waiting -= 1
        self.taken += len(export.spans)
        self.rejected += export.rejected
        if self.forward is not None and export.spans:
            self.forward.put(Batch(export.body, export.content_type, len(export.spans)))
        return export

    async def keep(self, spans: Sequence[Span]) -> None:
        """Keep and pass on spans of one service that need not be read. Raises StoreError."""
        await self.store.append(spans, self._now_ms())
        self.taken += len(spans)
        if self.forward is not None and spans:
            self.forward.put(batch_of(spans))

    async def run(self) -> None:
        """Remove what is too old and pass on what came in, until cancelled."""
        async with create_task_group() as group:
            if self.forward is not None:
                group.start_soon(self.forward.run)
            while True:
                await self.store.retain(self._now_ms())
                await sleep(_TIDY_S)


def _forward(client: httpx.AsyncClient, url: str, headers: Mapping[str, str]) -> SpanForward:
    rng = Random()  # noqa: S311 - spreads tries
    return SpanForward(client, url, headers=headers, random=rng.random)
