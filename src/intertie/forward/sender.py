"""What a target can be given, and what it can answer."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from intertie.errors import IntertieError
from intertie.forward.record import Record


class RefusedError(IntertieError):
    """The target will never take these records: it is of no use to send them again."""


class BusyError(IntertieError):
    """The target did not take the records now; send them again."""

    def __init__(self, message: str, *, after_s: float = 0.0) -> None:
        self.after_s = after_s
        """How long the target asks to be left alone."""
        super().__init__(message)


class Sender(Protocol):
    """A connection to a target."""

    async def send(self, records: Sequence[Record]) -> int:
        """Have the records accepted; how many of them the target says it has thrown away.

        Raises RefusedError or BusyError.
        """
        ...


Opened = AbstractAsyncContextManager[Sender]
