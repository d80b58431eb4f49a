"""Which lines are wanted."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from anyio import BrokenWorkerProcess, fail_after, to_process, to_thread

from intertie.errors import IntertieError
from intertie.runtime.log_record import Level, at_least
from intertie.runtime.log_tap import LogLine, Source, Stream, Tap

LONGEST_PATTERN = 1000
_SEARCH_S = 60.0
_MATCH_S = 10.0


@dataclass(frozen=True, slots=True)
class Filter:
    """Lines that pass all that is said here."""

    stream: Stream | None = None
    grep: str | None = None
    """A regular expression that must be found in the line."""
    level: Level | None = None
    """The least severe level; lines that tell no level do not pass."""

    def check(self) -> None:
        """Raises IntertieError for a `grep` that is no regular expression."""
        if self.grep is not None:
            _check(self.grep)

    @property
    def needs_lines(self) -> bool:
        """Whether lines must be looked at."""
        return self.grep is not None or self.level is not None


ALL = Filter()


async def select(lines: Sequence[LogLine], only: Filter) -> Sequence[LogLine]:
    """Those that pass. Raises IntertieError when matching them takes too long."""
    if only.stream is not None:
        lines = [line for line in lines if line.stream == only.stream]
    least = only.level
    if least is not None and lines:
        lines = await to_thread.run_sync(_severe, lines, least)
    if only.grep is not None and lines:
        texts = [line.text for line in lines]
        lines = [lines[place] for place in await _matching(only.grep, texts)]
    return lines


async def search(
    logs: Iterable[tuple[Source, Path, int]], pattern: str, *, regex: bool, limit: int
) -> list[LogLine]:
    """The first lines with a match: logs in their order, each from the given offset on.

    Raises IntertieError for a pattern that cannot be used, or takes too long.
    """
    if regex:
        _check(pattern)
    found: list[LogLine] = []
    with _in_time(pattern, _SEARCH_S):
        for source, path, since in logs:
            if len(found) >= limit:
                break
            job = (source, path, since, pattern, limit - len(found))
            if regex:
                found += await to_process.run_sync(_search_regex, *job, cancellable=True)
            else:
                found += await to_thread.run_sync(_search_text, *job, abandon_on_cancel=True)
    return found


async def _matching(pattern: str, texts: Sequence[str]) -> Sequence[int]:
    if re.escape(pattern) == pattern:
        return [place for place, text in enumerate(texts) if pattern in text]
    # In a process of its own, since a pattern may take forever and Python's `re` then holds up
    # every thread: such a process can be killed.
    with _in_time(pattern, _MATCH_S):
        return await to_process.run_sync(_match, pattern, texts, cancellable=True)


def _check(pattern: str) -> None:
    if len(pattern) > LONGEST_PATTERN:
        raise IntertieError(f"cannot search: the pattern is longer than {LONGEST_PATTERN} letters")
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as exc:
        why = f"it is no regular expression: {exc}"
        raise IntertieError(f"cannot search for {pattern!r}: {why}") from exc


@contextmanager
def _in_time(pattern: str, limit_s: float) -> Iterator[None]:
    try:
        with fail_after(limit_s):
            yield
    except TimeoutError as exc:
        why = f"it takes longer than {limit_s:.0f} s; use a simpler pattern or fewer services"
        raise IntertieError(f"cannot search for {pattern!r}: {why}") from exc
    except BrokenWorkerProcess as exc:
        why = "a process for it cannot be started; a script needs `if __name__ == '__main__':`"
        raise IntertieError(f"cannot search for {pattern!r}: {why}") from exc


def _severe(lines: Sequence[LogLine], least: Level) -> list[LogLine]:
    return [line for line in lines if at_least(line.level, least)]


def _match(pattern: str, texts: Sequence[str]) -> list[int]:
    compiled = re.compile(pattern)
    return [place for place, text in enumerate(texts) if compiled.search(text)]


def _search_text(source: Source, path: Path, since: int, pattern: str, limit: int) -> list[LogLine]:
    tap = Tap(source, path, needle=pattern.encode())
    return _search(tap, since, lambda text: pattern in text, limit)


def _search_regex(
    source: Source, path: Path, since: int, pattern: str, limit: int
) -> list[LogLine]:
    compiled = re.compile(pattern)
    return _search(Tap(source, path), since, lambda text: bool(compiled.search(text)), limit)


def _search(tap: Tap, since: int, wanted: Callable[[str], bool], limit: int) -> list[LogLine]:
    found: list[LogLine] = []
    try:
        tap.seek(since)
        while len(found) < limit and (lines := tap.read_some()) is not None:
            found += [line for line in lines if wanted(line.text)]
    finally:
        tap.close()
    return found[:limit]
