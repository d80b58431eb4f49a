"""Reading the log files that the services write themselves."""

import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import sleep, to_thread

from intertie.runtime.log_filter import ALL, Filter, search, select
from intertie.runtime.log_record import parse
from intertie.runtime.log_tap import LONGEST_LINE, STREAMS, LogLine, Source, Stream, Tap

__all__ = ["LONGEST_LINE", "STREAMS", "Filter", "Follower", "LogLine", "LogReader", "Source"]
__all__ += ["Stream", "log_path", "log_source", "next_pause_s"]

DAEMON = "intertie"
"""What lines of the daemon's own log have as their service."""

_MOST_LINES = 10_000
_COARSE_NS = 1_000_000_000
_POLL_FIRST_S = 0.01
_POLL_LAST_S = 0.5
_POLL_GROWTH = 1.5


def log_path(folder: Path, source: Source) -> Path:
    """The file a replica writes this stream to."""
    return folder / source.service / f"{source.replica}.{source.stream}.log"


def log_source(service: str, name: str) -> Source | None:
    """What a file of this name in the service's folder holds; None when it is no log."""
    index, _, rest = name.partition(".")
    for stream in STREAMS:
        if rest == f"{stream}.log" and index.isdecimal():
            return Source(service, int(index), stream)
    return None


def next_pause_s(pause_s: float, *, most_s: float = _POLL_LAST_S) -> float:
    """How long to wait before looking again, when nothing came during the last pause (or 0)."""
    return min(pause_s * _POLL_GROWTH, most_s) if pause_s else _POLL_FIRST_S


class LogReader:
    """Reads logs below one folder. Costs nothing while nobody reads.

    `ended` tells whether a replica has no process now: its unfinished last line is then handed
    out instead of being waited for.
    """

    def __init__(self, folder: Path, *, ended: Callable[[str, int], bool]) -> None:
        self._folder = folder
        self._ended = ended

    async def tail(
        self,
        service: str,
        replica: int | None = None,
        *,
        lines: int = 100,
        since: Mapping[Source, int] | None = None,
        only: Filter = ALL,
    ) -> Sequence[LogLine]:
        """The last lines of each file of the service, file by file; none when it never ran.

        The files hold no times, so lines of different files cannot be put in one order. `since`
        leaves out what lies before these offsets (see `sizes`). With a filter these are the last
        that pass, among the last 8 MiB of each file. Raises IntertieError as `Filter.check` does.
        """
        only.check()
        since = since or {}
        found: list[LogLine] = []
        for source in await to_thread.run_sync(self.sources, service, replica, only.stream):
            last = await to_thread.run_sync(self._tail, source, lines, only)
            if only.needs_lines:
                last = list(await select(last, only))[-lines:] if lines else []
            found += [line for line in last if line.offset >= since.get(source, 0)]
        return found

    async def search(
        self,
        services: Sequence[str],
        pattern: str,
        *,
        regex: bool = False,
        limit: int = 1000,
        since: Mapping[Source, int] | None = None,
        stream: Stream | None = None,
    ) -> Sequence[LogLine]:
        """The first lines that hold the pattern, file by file, archives included.

        To go on, give the offset after that of the last line as `since` of its source. Raises
        IntertieError for a pattern that is no regular expression, or one that takes too long.
        """
        since = since or {}
        sources = [
            source
            for service in services
            for source in await to_thread.run_sync(self.sources, service, None, stream)
        ]
        logs = [(each, log_path(self._folder, each), since.get(each, 0)) for each in sources]
        return await search(logs, pattern, regex=regex, limit=limit)

    async def of_trace(
        self, services: Sequence[str], trace_id: str, *, limit: int = 1000
    ) -> Sequence[LogLine]:
        """Lines that hold the trace's id, of these services and of the daemon, by their times.

        A line that tells no time stays behind the one that it was written after.
        """
        found = list(await self.search(services, trace_id, limit=limit))
        daemon = (Source(DAEMON, 0, "err"), self._folder / "daemon.log", 0)
        found += await search([daemon], trace_id, regex=False, limit=limit)
        return (await to_thread.run_sync(_by_time, found))[:limit]

    def sizes(self, service: str, replica: int) -> Mapping[Source, int]:
        """How long the files of a replica are now."""
        sources = [Source(service, replica, stream) for stream in STREAMS]
        paths = {source: log_path(self._folder, source) for source in sources}
        return {source: path.stat().st_size for source, path in paths.items() if path.exists()}

    @asynccontextmanager
    async def follow(
        self,
        services: Sequence[str],
        replica: int | None = None,
        *,
        lines: int = 0,
        only: Filter = ALL,
        until: Callable[[], bool] = lambda: False,
    ) -> AsyncIterator[AsyncIterator[LogLine]]:
        """Lines as they are written, of replicas that start later too.

        Begins with the last `lines` lines of each file that exists already; those that pass, with
        a filter. Ends once all is read that was there when `until` had become true; never by
        itself otherwise. Raises IntertieError as `Filter.check` does.
        """
        only.check()
        follower = Follower(self._folder, lambda: services, self._ended, replica=replica)
        try:
            await to_thread.run_sync(follower.open, lines)
            yield _lines(follower, only, until)
        finally:
            follower.close()

    @asynccontextmanager
    async def resume(
        self, services: Callable[[], Sequence[str]], since: Mapping[Source, int]
    ) -> "AsyncIterator[Follower]":
        """Reads on from these offsets; logs that are not among them from their beginning."""
        follower = Follower(self._folder, services, self._ended, since=since)
        try:
            yield follower
        finally:
            follower.close()

    def sources(
        self, service: str, replica: int | None = None, stream: Stream | None = None
    ) -> list[Source]:
        """The logs there are of the service."""
        return list(_sources(self._folder, service, replica, stream))

    def size(self, source: Source) -> int:
        """Where that log ends now; 0 when it is not there."""
        try:
            return log_path(self._folder, source).stat().st_size
        except OSError:
            return 0

    def _tail(self, source: Source, lines: int, only: Filter) -> list[LogLine]:
        tap = Tap(source, log_path(self._folder, source))
        try:
            if only.needs_lines:
                tap.seek_back()
                return tap.read_all()
            tap.seek_last(lines)
            return tap.read_all()[-lines:] if lines else []
        finally:
            tap.close()


class Follower:
    """Many logs, read as they grow."""

    def __init__(
        self,
        folder: Path,
        services: Callable[[], Sequence[str]],
        ended: Callable[[str, int], bool],
        *,
        replica: int | None = None,
        since: Mapping[Source, int] | None = None,
    ) -> None:
        self._folder = folder
        self._services = services
        self._ended = ended
        self._replica = replica
        self._since = dict(since or {})
        self._taps: dict[Source, Tap] = {}
        self._listed_ns: dict[str, int] = {}

    def open(self, lines: int | None = None) -> None:
        """Take up new logs: with their last lines, else from `since`, else from their beginning."""
        services = self._services()
        for source in [source for source in self._taps if source.service not in services]:
            tap = self._taps.pop(source)
            self._since[source] = tap.offset
            self._listed_ns.pop(source.service, None)
            tap.close()
        for service in services:
            if self._may_have_new(service):
                for source in _sources(self._folder, service, self._replica, None):
                    if source not in self._taps:
                        self._taps[source] = self._tap(source, lines)

    async def read(self) -> list[LogLine]:
        """Lines that have come since, at most some; each log in turn."""
        return await to_thread.run_sync(self._read)

    def offsets(self) -> Mapping[Source, int]:
        """Where the next line of each log begins."""
        return {source: tap.offset for source, tap in self._taps.items()}

    def lost_bytes(self) -> int:
        """How much was removed before it was read."""
        return sum(tap.lost_bytes for tap in self._taps.values())

    def close(self) -> None:
        """Running it again changes nothing."""
        for tap in self._taps.values():
            tap.close()

    def _read(self) -> list[LogLine]:
        self.open()
        found: list[LogLine] = []
        for source in list(self._taps):
            if len(found) >= _MOST_LINES:
                break
            # Asked before reading: what an ended process wrote is all in the file by then.
            ended = self._ended(source.service, source.replica)
            found += self._taps[source].read(final=ended)
            # To the end of the row, so that none has to wait forever.
            self._taps[source] = self._taps.pop(source)
        return found

    def _may_have_new(self, service: str) -> bool:
        """Whether the service's folder has changed since it was listed."""
        try:
            changed_ns = os.stat(f"{self._folder}/{service}").st_mtime_ns
        except OSError:
            return False
        if self._listed_ns.get(service) == changed_ns:
            return False
        # The kernel's time of change is coarse: what changed just now may yet change unseen.
        if time.time_ns() - changed_ns > _COARSE_NS:
            self._listed_ns[service] = changed_ns
        return True

    def _tap(self, source: Source, lines: int | None) -> Tap:
        tap = Tap(source, log_path(self._folder, source))
        if lines is not None:
            tap.seek_last(lines)
        elif source in self._since:
            tap.seek(self._since[source])
        else:
            tap.seek_first()
        return tap


def _by_time(lines: Sequence[LogLine]) -> list[LogLine]:
    placed: list[tuple[float, int]] = []
    last_s, source = 0.0, None
    for place, line in enumerate(lines):
        last_s = last_s if line.source == source else 0.0
        told, source = parse(line.text), line.source
        last_s = told.time.timestamp() if told and told.time else last_s
        placed.append((last_s, place))
    return [lines[place] for _, place in sorted(placed)]


async def _lines(
    follower: Follower, only: Filter, until: Callable[[], bool]
) -> AsyncIterator[LogLine]:
    pause_s = 0.0
    while True:
        is_over = until()  # asked before reading: what was there by then is handed out
        found = await follower.read()
        for line in await select(found, only):
            yield line
        if is_over and not found:
            return
        # While lines flow, read on; the poll slows down only for services that are silent.
        pause_s = 0.0 if found else next_pause_s(pause_s)
        if not found:
            await sleep(pause_s)


def _sources(
    folder: Path, service: str, replica: int | None, stream: Stream | None
) -> Iterator[Source]:
    try:
        names = os.listdir(folder / service)
    except OSError:
        names = []
    found = (source for name in names if (source := log_source(service, name)))
    wanted = (
        source
        for source in found
        if replica in {None, source.replica} and stream in {None, source.stream}
    )
    return iter(sorted(wanted, key=lambda each: (each.replica, STREAMS.index(each.stream))))
