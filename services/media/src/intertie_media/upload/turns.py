"""Who may write a chunk: the newest sender. A client whose connection died need not wait for it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from anyio import CancelScope, Event

from intertie_media.errors import Refused


@dataclass(slots=True)
class _Turn:
    scope: CancelScope = field(default_factory=CancelScope)
    left: Event = field(default_factory=Event)


class Turns:
    """Of one upload. Two chunks never wait for each other."""

    def __init__(self) -> None:
        self._current: dict[int, _Turn] = {}

    @asynccontextmanager
    async def take(self, chunk: int) -> AsyncIterator[None]:
        """Have `chunk` alone; whoever had it is stopped first.

        Raises Refused (409) when stopped in turn, by a newer sender or by `stop_all`.
        """
        while older := self._current.get(chunk):
            older.scope.cancel()
            await older.left.wait()
        mine = self._current[chunk] = _Turn()
        try:
            with mine.scope:
                yield
        finally:
            del self._current[chunk]
            mine.left.set()
        if mine.scope.cancelled_caught:
            raise Refused(
                f"cannot take chunk {chunk}: it is being sent again, or the upload ended",
                status=HTTPStatus.CONFLICT,
                code="superseded",
            )

    async def stop_all(self) -> None:
        """Stop every sender, and return when none writes any more."""
        for turn in list(self._current.values()):
            turn.scope.cancel()
            await turn.left.wait()
