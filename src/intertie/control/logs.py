"""Read what services wrote."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from intertie.control.services import Services
from intertie.runtime.log_filter import ALL, Filter
from intertie.runtime.logs import LogLine, LogReader, Source, Stream


@dataclass(frozen=True, slots=True)
class Logs:
    """Logs by service; the files outlive the services."""

    services: Services
    reader: LogReader

    @asynccontextmanager
    async def read(
        self, names: Sequence[str], *, tail: int, follow: bool, only: Filter = ALL
    ) -> AsyncIterator[AsyncIterator[LogLine]]:
        """The last `tail` lines of each file of the services (all, when none is named).

        With `follow`, goes on with lines as they are written. With a filter, only lines that pass
        it. Raises NotFoundError at once, and IntertieError for a filter that cannot be used.
        """
        chosen = self.choose(names)
        only.check()
        if follow:
            async with self.reader.follow(chosen, lines=tail, only=only) as lines:
                yield lines
        else:
            yield self._tail(chosen, tail, only)

    async def search(
        self,
        names: Sequence[str],
        pattern: str,
        *,
        regex: bool = False,
        limit: int = 1000,
        since: Mapping[Source, int] | None = None,
        stream: Stream | None = None,
    ) -> Sequence[LogLine]:
        """The first lines that hold the pattern, in all that is kept of the services' logs.

        Raises NotFoundError, and IntertieError for a pattern that cannot be used.
        """
        chosen = self.choose(names)
        return await self.reader.search(
            chosen, pattern, regex=regex, limit=limit, since=since, stream=stream
        )

    async def of_trace(self, trace_id: str, *, limit: int = 1000) -> Sequence[LogLine]:
        """Lines of one trace, of all services and of the daemon, by their times."""
        return await self.reader.of_trace(self.choose([]), trace_id, limit=limit)

    def choose(self, names: Sequence[str]) -> Sequence[str]:
        """The services named, all when none is. Raises NotFoundError."""
        return [service.name for service in self.services.choose(names)]

    async def _tail(self, names: Sequence[str], tail: int, only: Filter) -> AsyncIterator[LogLine]:
        for name in names:
            for line in await self.reader.tail(name, lines=tail, only=only):
                yield line
