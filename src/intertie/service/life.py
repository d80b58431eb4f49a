"""The life of a service within its process: what runs beside the requests, and how it ends."""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from types import FrameType, TracebackType
from typing import Any, Self

from anyio import CancelScope, Event, create_task_group, current_time, move_on_after
from anyio.abc import TaskGroup

from intertie.service.drain import Drain
from intertie.service.environment import Environment
from intertie.service.notify import listening, notify
from intertie.service.trace import Tracing

log = logging.getLogger(__name__)

Work = Callable[[], Coroutine[Any, Any, None]]  # Any: what a coroutine waits for
_Handler = Callable[[int, FrameType | None], object]

_CLOSING_S = 5.0


class Life:
    """A context manager around all; `begin` and `end` within it, once each.

    Work begins with `begin`. `end` lets what is under way finish, for `drain_s` since the stop was
    asked for, and cancels the rest.
    """

    def __init__(self, environment: Environment, drain: Drain, tracing: Tracing) -> None:
        self.drain = drain
        self.tracing = tracing
        self.ready = False
        """Whether it began and was not asked to stop."""
        self.begun = False
        self.failed = False
        """Whether a worker ended with an error."""
        self.owns_signals = False
        """Whether `run` takes the signals; otherwise the server has them, and we listen in."""
        self._environment = environment
        self._background: list[Work] = []
        self._workers: list[tuple[str, Work]] = []
        self.workless = Event()
        """Set when the last worker ended, or one failed."""
        self._stack = AsyncExitStack()
        self._beside: CancelScope | None = None
        self._ended = Event()
        self._working = 0
        self._group: TaskGroup | None = None
        self._deadline = 0.0

    def add_background(self, work: Work) -> None:
        """Something that runs until the end and is then cancelled."""
        self._background.append(work)

    def add_worker(self, name: str, work: Work) -> None:
        """Something whose end is waited for."""
        self._workers.append((name, work))

    @property
    def has_workers(self) -> bool:
        """Whether there is one."""
        return bool(self._workers)

    async def probe_workers(self) -> bool:
        """The health check: no worker failed."""
        return not self.failed

    async def __aenter__(self) -> Self:
        endpoint = self._environment.otlp_endpoint
        if endpoint:
            from intertie.service.spans import Recorder

            self.tracing.recorder = Recorder(self._environment, endpoint)
        self._beside = CancelScope()
        self._group = await self._stack.enter_async_context(create_task_group())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> bool | None:
        if self._group:
            self._group.cancel_scope.cancel()
        try:
            return await self._stack.__aexit__(kind, exc, tb)
        finally:
            with move_on_after(_CLOSING_S, shield=True):
                await self.tracing.stop()

    async def begin(self) -> None:
        """The application is up."""
        if self._group is None or self._beside is None:
            raise RuntimeError("cannot begin: the life was not entered")
        self.begun = True
        self._working = len(self._workers)
        for _ in self._workers:
            self.drain.enter()
        self._group.start_soon(self._run, self._beside)
        if not self.owns_signals:
            self._listen_in()
        self.ready = not self.drain.stopping
        if self._environment.notify_socket:
            self._group.start_soon(self._tell_ready, self._environment.notify_socket)

    def stop(self) -> None:
        """A stop was asked for: not ready from now on, and nothing new is taken."""
        if self.drain.stopping:
            return
        self.ready = False
        self._deadline = current_time() + self._environment.drain_s
        if self._environment.notify_socket:
            notify(self._environment.notify_socket, "STOPPING=1")
        self.drain.begin()

    @property
    def left_s(self) -> float:
        """Of the time to drain."""
        return max(0.0, self._deadline - current_time())

    async def drained(self) -> None:
        """Stop, and wait until nothing is under way or the time is up."""
        self.stop()
        with move_on_after(self.left_s):
            await self.drain.idle()
        if self.drain.under_way:
            log.warning("stop cut short", extra={"under_way": self.drain.under_way})

    async def end(self) -> None:
        """The application is about to go down."""
        await self.drained()
        if self.begun and self._beside:
            self._beside.cancel()
            with move_on_after(_CLOSING_S):
                await self._ended.wait()

    async def _run(self, beside: CancelScope) -> None:
        """All that ends before the application does: it may need the application until then."""
        with beside:
            async with create_task_group() as group:
                for work in self._background:
                    group.start_soon(work)
                for name, worker in self._workers:
                    group.start_soon(self._work, name, worker)
        self._ended.set()

    async def _work(self, name: str, worker: Work) -> None:
        try:
            await worker()
        except Exception:  # the fence around a worker: the service ends in order, and says why
            log.exception("worker failed", extra={"worker": name})
            self.failed = True
        finally:
            self.drain.leave()
            self._working -= 1
            if self.failed or not self._working:
                self.workless.set()

    async def _tell_ready(self, address: str) -> None:
        port = self._environment.port
        if port and not await listening(port):
            log.warning("nothing listens yet", extra={"port": port})
        if self.ready:
            notify(address, "READY=1")

    def _listen_in(self) -> None:
        """Learn of a stop when the server does: it tells us only after the requests have ended."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            theirs = signal.getsignal(number)
            if not callable(theirs) or theirs is signal.default_int_handler:
                continue

            def ours(
                number: int,
                frame: FrameType | None,
                *,
                theirs: _Handler = theirs,
            ) -> None:
                loop.call_soon_threadsafe(self.stop)
                theirs(number, frame)

            signal.signal(number, ours)
            self._stack.callback(_give_back, number, ours, theirs)


def _give_back(number: int, ours: _Handler, theirs: _Handler) -> None:
    """Unless somebody has listened in after us."""
    if signal.getsignal(number) is ours:
        signal.signal(number, theirs)
