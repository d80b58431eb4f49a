"""Tells others that monitoring works, for as long as it does.

A heartbeat goes out after a tick that was collected, kept and evaluated. When any of that stops,
nothing goes out, and that is what others hear.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import unquote, urlsplit

import httpx
from anyio import Event, create_task_group, fail_after, to_thread
from anyio.abc import TaskGroup, TaskStatus

from intertie.errors import IntertieError
from intertie.monitor.channels.port import Resolve
from intertie.monitor.heartbeat import Beat, packed
from intertie.suite.heartbeats import Send

log = logging.getLogger(__name__)

_TIMEOUT_S = 10.0
_LATE_MS = 200
"""A tick that is so much too early for `every` is not left out: ticks and `every` need not fit."""


@dataclass(frozen=True, slots=True)
class Sent:
    """How it goes with one receiver."""

    sent_at: datetime | None = None
    """When it took one last."""
    count: int = 0
    trouble: str = ""
    """Why the last one was not taken; empty: it was."""


@dataclass(frozen=True, slots=True)
class Means:
    """What it is built over."""

    client: httpx.AsyncClient
    resolve: Resolve
    now: Callable[[], datetime]
    trouble: Callable[[], str]
    """Why monitoring does not work; empty: it does."""


class Pulse:
    """A component. `kept` and `evaluated` tell it of ticks."""

    def __init__(self, sends: Mapping[str, Send], suite: str, means: Means) -> None:
        self.sends = dict(sends)
        self.sent = dict.fromkeys(self.sends, Sent())
        self.held = ""
        """Why nothing is sent; empty: it is."""
        self._suite = suite
        self._means = means
        self._bell = Event()
        self._kept_ms = self._evaluated_ms = 0
        self._done_ms = dict.fromkeys(self.sends, 0)
        self._busy: set[str] = set()

    def kept(self, at_ms: int) -> None:
        """The store has the samples of that tick."""
        self._kept_ms = at_ms
        self._look()

    def evaluated(self, at_ms: int) -> None:
        """All rules were looked at with them."""
        self._evaluated_ms = at_ms
        self._look()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """Send until cancelled."""
        async with create_task_group() as group:
            task_status.started()
            while True:
                self._bell = Event()
                await self._bell.wait()
                self._beat(group, self._evaluated_ms)

    def _look(self) -> None:
        if self._kept_ms == self._evaluated_ms:  # a store that lags behind does not work
            self._bell.set()

    def _beat(self, group: TaskGroup, at_ms: int) -> None:
        trouble = self._means.trouble()
        if trouble and not self.held and self.sends:
            log.warning("no heartbeat is sent", extra={"reason": trouble})
        self.held = trouble
        if trouble:
            return
        for name, send in self.sends.items():
            due_ms = self._done_ms[name] + round(send.every * 1000) - _LATE_MS
            if at_ms >= due_ms and name not in self._busy:
                self._busy.add(name)
                group.start_soon(self._send, name, send, at_ms)

    async def _send(self, name: str, send: Send, at_ms: int) -> None:
        try:
            why = await self._try(name, send)
        finally:
            self._busy.discard(name)
        before = self.sent[name]
        if why:
            if not before.trouble:
                log.warning("a heartbeat was not taken", extra={"receiver": name, "reason": why})
            self.sent[name] = replace(before, trouble=why)
            return  # the next tick tries again
        self._done_ms[name] = at_ms
        self.sent[name] = Sent(self._means.now(), before.count + 1)

    async def _try(self, name: str, send: Send) -> str:
        """Why it was not taken; empty: it was. No part of an address that may be secret."""
        try:
            with fail_after(_TIMEOUT_S):
                status = await self._exchange(send)
        except IntertieError as exc:
            return str(exc)
        except TimeoutError:
            return f"cannot send heartbeat {name!r}: no answer within {_TIMEOUT_S:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
            return f"cannot send heartbeat {name!r}: {type(exc).__name__}"
        if httpx.codes.is_success(status):
            return ""
        return f"cannot send heartbeat {name!r}: the answer was {status}"

    async def _exchange(self, send: Send) -> int:
        """Status of the answer; the rest of it is not read."""
        url = await to_thread.run_sync(self._means.resolve, send.url)
        data, headers = b"", dict[str, str]()
        if send.secret is not None:
            secret = await to_thread.run_sync(self._means.resolve, send.secret)
            name = unquote(urlsplit(url).path.rstrip("/").rpartition("/")[2]) or "-"
            made = Beat(suite=self._suite, name=name, at=self._means.now(), every_s=send.every)
            data, signed = packed(made, secret)
            headers = dict(signed)
        request = self._means.client.build_request(
            send.method, url, content=data or None, headers=headers
        )
        answer = await self._means.client.send(request, stream=True)
        try:
            return answer.status_code
        finally:
            await answer.aclose()
