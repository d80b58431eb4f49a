"""One request for all who want the same thing at the same time."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from anyio import Event

from intertie.identity.sso import ProviderError

T = TypeVar("T")


class Flight(Generic[T]):
    """Who comes while one is under way gets its result, or its error."""

    def __init__(self) -> None:
        self._done: Event | None = None
        self._result: T | None = None
        self._error: ProviderError | None = None

    async def share(self, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives, whoever started it. Raises ProviderError."""
        while (done := self._done) is not None:
            await done.wait()
            if self._error is not None:
                raise ProviderError(str(self._error)) from self._error
            if self._result is not None:
                return self._result
            # It was cancelled: one of those who waited is next.
        return await self._lead(work)

    async def _lead(self, work: Callable[[], Awaitable[T]]) -> T:
        done = self._done = Event()
        self._result, self._error = None, None
        try:
            self._result = await work()
        except ProviderError as exc:
            self._error = exc
            raise
        finally:
            self._done = None
            done.set()
        return self._result
