"""Background: a block of our own, for callers who open and close in separate calls."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from anyio import create_task_group
from anyio.abc import TaskGroup

from intertie.errors import BusError

T = TypeVar("T")


class Background:
    """Owns one task, in which everything lives; `close`, or the end of the event loop, ends it."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._group: TaskGroup | None = None
        self._closing = asyncio.Event()

    async def open(self, enter: Callable[[AsyncExitStack], Awaitable[T]]) -> T:
        """Enter what lives in the background, in its task; what `enter` returns or raises."""
        ready: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._closing.clear()
        # The one bare task there is: it owns a task group, and `close` awaits it.
        self._task = asyncio.create_task(self._live(enter, ready))  # noqa: TID251
        try:
            return await ready
        except BaseException:
            self._task.cancel()
            await asyncio.wait([self._task])
            raise

    async def start(
        self, component: Callable[..., Coroutine[Any, Any, None]], *, name: str | None = None
    ) -> None:
        """Run it until closed, and return when it has reported that it started."""
        self.check()
        assert self._group is not None  # noqa: S101 - there while the task lives
        await self._group.start(component, name=name)

    def check(self) -> None:
        """Raise what ended the background, or BusError when it is not open."""
        task = self._task
        if task is not None and task.done() and not task.cancelled() and (exc := task.exception()):
            raise _leaf(exc)
        if task is None or self._group is None:
            raise BusError("cannot use a closed connection: call connect() first")

    @property
    def is_open(self) -> bool:
        """Whether it lives."""
        return self._task is not None and not self._task.done()

    async def close(self) -> None:
        """End everything in it, and wait for that. Closing what is closed does nothing."""
        task, self._task = self._task, None
        if task is None:
            return
        self._closing.set()
        await asyncio.wait([task])
        if not task.cancelled() and (exc := task.exception()):
            raise _leaf(exc)

    async def _live(
        self, enter: Callable[[AsyncExitStack], Awaitable[T]], ready: asyncio.Future[T]
    ) -> None:
        async with AsyncExitStack() as stack:
            try:
                value = await enter(stack)
            except Exception as exc:
                ready.set_exception(exc)
                return
            async with create_task_group() as group:
                self._group = group
                ready.set_result(value)
                try:
                    await self._closing.wait()
                finally:
                    self._group = None
                    group.cancel_scope.cancel()


def _leaf(exc: BaseException) -> BaseException:
    while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
        exc = exc.exceptions[0]
    return exc
