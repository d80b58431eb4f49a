"""Read what services wrote."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from intertie.control.services import Services
from intertie.runtime.logs import LogLine, LogReader


@dataclass(frozen=True, slots=True)
class Logs:
    """Logs by service; the files outlive the services."""

    services: Services
    reader: LogReader

    @asynccontextmanager
    async def read(
        self, names: Sequence[str], *, tail: int, follow: bool
    ) -> AsyncIterator[AsyncIterator[LogLine]]:
        """The last `tail` lines of each file of the services (all, when none is named).

        With `follow`, goes on with lines as they are written. Raises NotFoundError at once.
        """
        chosen = self.choose(names)
        if follow:
            async with self.reader.follow(chosen, lines=tail) as lines:
                yield lines
        else:
            yield self._tail(chosen, tail)

    def choose(self, names: Sequence[str]) -> Sequence[str]:
        """The services named, all when none is. Raises NotFoundError."""
        return [service.name for service in self.services.choose(names)]

    async def _tail(self, names: Sequence[str], tail: int) -> AsyncIterator[LogLine]:
        for name in names:
            for line in await self.reader.tail(name, lines=tail):
                yield line
