"""Expressions evaluated for many moments at once: what looks into the past are quick with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from anyio import to_thread
from numpy.typing import NDArray

from intertie.errors import IntertieError
from intertie.monitor.promql.query import Query, Track, compile
from intertie.monitor.promql.reads import Read
from intertie.monitor.rule_look import Evaluate
from intertie.monitor.rule_query import over
from intertie.monitor.rules import Labels
from intertie.monitor.sample import NAME_LABEL, STALE, Found, Matcher, Source

_AHEAD = 1_000
"""Moments that are evaluated together."""

Times = NDArray[np.int64]
Values = Sequence[tuple[Labels, float]]


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The values of an expression at moments in a row."""

    values: Mapping[int, Values]
    """Moments without any value are left out."""
    alive: frozenset[int]
    """Moments at which there was something to read."""
    moments: range


def ahead(source: Source, *, step_ms: int, end_ms: int) -> Evaluate:
    """As `rule_query.over`, for moments that are asked in order, `step_ms` apart up to `end_ms`.

    An expression that cannot be evaluated for many moments at once is evaluated one by one.
    """
    one_by_one = over(source)
    queries: dict[str, Query] = {}
    known: dict[str, _Stretch | None] = {}

    async def evaluate(expr: str, at_ms: int) -> Values | None:
        stretch = known.get(expr)
        if expr not in known or (stretch is not None and at_ms not in stretch.moments):
            query = queries.setdefault(expr, compile(expr))
            moments = range(at_ms, min(end_ms, at_ms + (_AHEAD - 1) * step_ms) + 1, step_ms)
            stretch = known[expr] = await _stretch(query, source, moments)
        if stretch is None:
            return await one_by_one(expr, at_ms)
        values = stretch.values.get(at_ms, ())
        return values if values or at_ms in stretch.alive else None

    return evaluate


async def _stretch(query: Query, source: Source, moments: range) -> _Stretch | None:
    if "@" in query.text:  # a moment of its own may be that of the whole question
        return None
    seen = _Seen(source)
    try:
        tracks = await query.range(
            seen, moments[0], end_ms=moments[-1], step_ms=max(moments.step, 1)
        )
    except IntertieError:  # of one moment perhaps: each tells for itself
        return None
    return await to_thread.run_sync(partial(_sorted_out, query, tracks, seen.found), moments)


class _Seen:
    """A source that remembers what it gave."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.found: dict[tuple[Matcher, ...], list[Found]] = {}

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> Sequence[Found]:
        """As the source itself."""
        found = await self._source.select(matchers, start_ms, end_ms)
        self.found.setdefault(tuple(matchers), []).extend(found)
        return found


def _sorted_out(
    query: Query,
    tracks: Sequence[Track],
    found: Mapping[tuple[Matcher, ...], Sequence[Found]],
    moments: range,
) -> _Stretch:
    values: dict[int, list[tuple[Labels, float]]] = {}
    for track in tracks:
        series = track.series
        labels = ((NAME_LABEL, series.name), *series.labels) if series.name else series.labels
        pairs = zip(track.times.tolist(), track.values.tolist(), strict=True)
        for at_ms, value in pairs:
            values.setdefault(at_ms, []).append((labels, value))
    times = np.arange(moments.start, moments.stop, moments.step, dtype=np.int64)
    return _Stretch(values, frozenset(times[_alive(query, found, times)].tolist()), moments)


def _alive(
    query: Query, found: Mapping[tuple[Matcher, ...], Sequence[Found]], times: Times
) -> NDArray[np.bool_]:
    """At which moments a series had a sample that is no end; all, where none is read."""
    first = int(times[0])
    reads = query.reads(first, first)
    alive = np.full(len(times), fill_value=not reads)
    for read in reads:
        for each in found.get(read.matchers, ()):
            alive |= _has_sample(each, read, times)
    return alive


def _has_sample(found: Found, read: Read, times: Times) -> NDArray[np.bool_]:
    shift = times - times[0]
    last = np.searchsorted(found.times, shift + read.end_ms, side="right") - 1
    is_in = (last >= 0) & (found.times[last] > shift + read.start_ms)
    ends = found.values.view(np.int64) == np.float64(STALE).view(np.int64)
    return np.asarray(is_in & ~ends[last])
