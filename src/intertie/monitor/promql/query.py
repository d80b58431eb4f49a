"""Expressions in PromQL, ready to be answered from any source of samples.

What is supported is answered as Prometheus 3 does; the rest is refused when compiled.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from anyio import to_thread
from anyio.lowlevel import checkpoint

from intertie.monitor.promql import reads, result
from intertie.monitor.promql.evaluate import rows, scalar, text, vector
from intertie.monitor.promql.frame import Frame, Options, Samples
from intertie.monitor.promql.parse import check_result, parse
from intertie.monitor.promql.place import shown
from intertie.monitor.promql.reads import Read
from intertie.monitor.promql.result import Point, Scalar, Track, Value, Vector, Word
from intertie.monitor.promql.rows import Row, Times, series_of
from intertie.monitor.promql.tree import Kind, Node, QueryError, kind
from intertie.monitor.sample import Found, Matcher, Source

__all__ = [
    "Options", "Point", "Query", "QueryError", "Read", "Scalar", "Track", "Value", "Vector",
    "Word", "compile", "tracks_as_json",
]  # fmt: skip

MAX_STEPS = 11_000
"""Of one range, as Prometheus has it."""

_QUICK_SERIES, _QUICK_SAMPLES = 10, 4_000
_DEFAULT = Options()
tracks_as_json = result.tracks_as_json


@dataclass(frozen=True, slots=True)
class Query:
    """An expression that can be answered, any number of times."""

    text: str
    node: Node
    options: Options

    def reads(self, start_ms: int, end_ms: int) -> Sequence[Read]:
        """Which samples are needed to answer for moments from `start_ms` to `end_ms`."""
        return reads.needed(self.node, start_ms, end_ms, self.options)

    async def instant(self, source: Source, at_ms: int) -> Value:
        """The answer at one moment.

        Raises QueryError where it would need too many samples, or series cannot be matched.
        """
        found = await self._gather(source, self.reads(at_ms, at_ms))
        if self._is_quick(found):
            await checkpoint()  # a thousand rules one after the other let others in between
            return self.evaluate(found, at_ms)
        return await to_thread.run_sync(self.evaluate, found, at_ms)

    async def range(
        self, source: Source, start_ms: int, *, end_ms: int, step_ms: int
    ) -> Sequence[Track]:
        """The answers from `start_ms` to `end_ms`, both included, `step_ms` apart.

        Raises QueryError as `instant`, and for more than 11,000 steps.
        """
        self._check_range(start_ms, end_ms, step_ms)
        found = await self._gather(source, self.reads(start_ms, end_ms))
        work = partial(self.evaluate_range, end_ms=end_ms, step_ms=step_ms)
        return await to_thread.run_sync(work, found, start_ms)

    def evaluate(self, samples: Samples, at_ms: int) -> Value:
        """The answer at one moment, of samples found before; pure."""
        frame = self._frame(np.array([at_ms], dtype=np.int64), samples)
        match kind(self.node):
            case Kind.STRING:
                return Word(at_ms, text(self.node))
            case Kind.SCALAR:
                with _quiet():
                    return Scalar(at_ms, float(scalar(self.node, frame)[0]))
            case _:
                with _quiet():
                    found = vector(self.node, frame)
        points = (Point(series_of(row.labels), float(row.values[0])) for row in found)
        return Vector(at_ms, tuple(points))

    def evaluate_range(
        self, samples: Samples, start_ms: int, *, end_ms: int, step_ms: int
    ) -> Sequence[Track]:
        """The answers at each step, of samples found before; pure."""
        self._check_range(start_ms, end_ms, step_ms)
        times = np.arange(start_ms, end_ms + 1, step_ms, dtype=np.int64)
        with _quiet():
            found = rows(self.node, self._frame(times, samples))
        return [_track(row, times) for row in found]

    def _frame(self, times: Times, samples: Samples) -> Frame:
        return Frame(times, int(times[0]), int(times[-1]), samples, self.options)

    def _check_range(self, start_ms: int, end_ms: int, step_ms: int) -> None:
        if kind(self.node) is Kind.STRING:
            raise self._refused("a text has no values over a range")
        if step_ms <= 0 or end_ms < start_ms:
            raise self._refused("the step must be more than 0, and the end not before the start")
        if (end_ms - start_ms) // step_ms >= MAX_STEPS:
            raise self._refused(f"more than {MAX_STEPS} steps; make the step longer")

    async def _gather(self, source: Source, wanted: Sequence[Read]) -> Samples:
        parts: dict[tuple[Matcher, ...], list[Found]] = {}
        count = 0
        for read in wanted:
            found = await source.select(read.matchers, read.start_ms, read.end_ms)
            count += sum(len(one.times) for one in found)
            if count > self.options.max_samples:
                raise self._refused(
                    f"it needs more than {self.options.max_samples} samples; "
                    "ask for fewer series or a shorter range"
                )
            parts.setdefault(read.matchers, []).extend(found)
        return {matchers: _joined(found) for matchers, found in parts.items()}

    def _is_quick(self, samples: Samples) -> bool:
        """Whether the answer is there before a thread would have begun."""
        found = [each for part in samples.values() for each in part]
        if len(found) > _QUICK_SERIES or reads.has_subquery(self.node):
            return False
        return sum(len(each.times) for each in found) <= _QUICK_SAMPLES

    def _refused(self, why: str) -> QueryError:
        return QueryError(f"cannot answer query {shown(self.text)}: {why}")


def compile(text: str, *, options: Options = _DEFAULT) -> Query:
    """The query of an expression.

    Raises QueryError: with line and column for a mistake in writing, and naming what is supported
    for what is not.
    """
    node = parse(text)
    check_result(text, node)
    return Query(text, node, options)


def _quiet() -> np.errstate:
    """Dividing by 0 and the like give infinities and NaN, as PromQL has it, and no warning."""
    return np.errstate(all="ignore")


def _joined(found: Sequence[Found]) -> Sequence[Found]:
    """One entry a series, of reads whose times do not overlap and ascend."""
    by_series: dict[object, list[Found]] = {}
    for one in found:
        by_series.setdefault(one.series, []).append(one)
    return [parts[0] if len(parts) == 1 else _chained(parts) for parts in by_series.values()]


def _chained(parts: Sequence[Found]) -> Found:
    return Found(
        parts[0].series,
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.values for part in parts]),
    )


def _track(row: Row, times: Times) -> Track:
    return Track(series_of(row.labels), times[row.there], row.values[row.there])
