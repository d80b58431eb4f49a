"""HookLoop: one event loop, in a thread of its own, that all async hooks of a manager run on.

On asyncio itself: AnyIO's portal waits for the loop to take a task, for ever if a hook blocks it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from threading import Thread

_ANSWER_S = 0.5

AsyncHook = Callable[..., Coroutine[object, object, object]]


class HookLoop:
    """Opened at the first call. What a plugin opened on it lives until `close`."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None

    def run(self, hook: AsyncHook, args: tuple[object, ...], timeout_s: float) -> object:
        """What the hook returns. It is cancelled, and TimeoutError raised, after `timeout_s`."""
        loop = self._open()
        future = asyncio.run_coroutine_threadsafe(hook(*args), loop)
        try:
            return future.result(timeout_s)
        except TimeoutError:
            if future.done():  # the hook's own
                raise
            future.cancel()
            if not _answers(loop):
                self._loop = None  # blocked: leave it and its thread to themselves
            raise TimeoutError(f"no answer within {timeout_s:g} s") from None

    def close(self) -> None:
        """End the loop; hooks still on it are cancelled."""
        loop, self._loop = self._loop, None
        if loop and self._thread:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join(_ANSWER_S)

    def _open(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            opened: Future[asyncio.AbstractEventLoop] = Future()
            name = "intertie-plugins"
            self._thread = Thread(target=_live, args=(opened,), daemon=True, name=name)
            self._thread.start()
            self._loop = opened.result()
        return self._loop


def _answers(loop: asyncio.AbstractEventLoop) -> bool:
    answer: Future[None] = Future()
    loop.call_soon_threadsafe(answer.set_result, None)
    try:
        answer.result(_ANSWER_S)
    except TimeoutError:
        return False
    return True


def _live(opened: "Future[asyncio.AbstractEventLoop]") -> None:
    with asyncio.Runner() as runner:  # cancels what is left, at its end
        loop = runner.get_loop()
        loop.call_soon(opened.set_result, loop)
        loop.run_forever()
