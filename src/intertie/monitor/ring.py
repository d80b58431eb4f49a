"""The newest samples in memory: rules are evaluated on them, however slow the store is."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from intertie.monitor.sample import NAME_LABEL, Found, Matcher, Sample, Series

HOUR_MS = 3_600_000
"""How far back the ring goes; rules that look back further read the store."""
_REMEMBERED_QUESTIONS = 10_000
_REMEMBERED_SERIES = 200_000
"""Of all questions together: thousands of rules are remembered, but not each with all series."""
_BLOCK = 240
"""Ticks whose samples come and go together: blocks of one size leave no holes in the memory."""
_PAST = -1
"""The number of blocks from before the first tick."""
_SWEEPS = 16
"""Series that ended are looked for so often in a span."""


@dataclass(frozen=True, slots=True)
class _Block:
    """4 or 8 bytes for each value; never empty."""

    number: int
    """Of the ring's ticks when it was begun, in blocks."""
    times: "array[int]"
    values: "array[float]"

    def until(self, end: int) -> "_Block":
        """The first so many; its times may be those of other columns too."""
        return _Block(self.number, self.times[:end], self.values[:end])


class _Packed:
    """Makes full blocks smaller: series that are told at the same ticks hold their times once."""

    __slots__ = ("_newest",)

    def __init__(self) -> None:
        self._newest: array[int] = array("q")

    def of(self, block: _Block) -> _Block:
        """The same block, with times that others hold if they are equal."""
        if block.times != self._newest:
            self._newest = block.times
        return _Block(block.number, self._newest, _narrow(block.values))


def _narrow(values: "array[float]") -> "array[float]":
    """In half the room where that loses nothing, as for whole numbers up to 16 million."""
    narrow = array("f", values)
    return narrow if array("d", narrow) == values else values  # a NaN equals none


class _Column:
    """Samples of one series, oldest first."""

    __slots__ = ("_blocks",)

    def __init__(self) -> None:
        self._blocks: list[_Block] = []

    @property
    def newest_ms(self) -> int:
        """Of its samples; there is one."""
        return self._blocks[-1].times[-1]

    def add(self, at_ms: int, value: float, *, number: int, oldest_ms: int) -> bool:
        """Put it at the end, in place of what is not older; forget what is too old.

        Whether a block was begun for it, and the one before is full.
        """
        blocks = self._blocks
        if blocks and blocks[-1].times[-1] >= at_ms:
            self._forget_from(at_ms)
        is_begun = not blocks or blocks[-1].number != number
        if is_begun:
            blocks.append(_Block(number, array("q"), array("d")))
        blocks[-1].times.append(at_ms)
        blocks[-1].values.append(value)
        while blocks[0].times[-1] <= oldest_ms:
            del blocks[0]
        return is_begun and len(blocks) > 1

    def pack(self, packed: _Packed) -> None:
        """The block before the last is full."""
        self._blocks[-2] = packed.of(self._blocks[-2])

    def put_before(self, times: "array[int]", values: "array[float]", packed: _Packed) -> None:
        """Samples that are older than all that are there, oldest first."""
        found = [
            packed.of(_Block(_PAST, times[at : at + _BLOCK], values[at : at + _BLOCK]))
            for at in range(0, len(times), _BLOCK)
        ]
        self._blocks[:0] = found

    def between(self, start_ms: int, end_ms: int) -> tuple["array[int]", "array[float]"]:
        """Copies of what has `start_ms` < time <= `end_ms`."""
        times, values = array("q"), array("d")
        first = bisect_right(self._blocks, start_ms, key=_last_ms)
        for block in self._blocks[first:]:
            if block.times[0] > end_ms:
                break
            start, end = bisect_right(block.times, start_ms), bisect_right(block.times, end_ms)
            times += block.times[start:end]
            part = block.values[start:end]
            values += part if part.typecode == "d" else array("d", part)
        return times, values

    def _forget_from(self, at_ms: int) -> None:
        blocks = self._blocks
        while blocks and blocks[-1].times[0] >= at_ms:
            del blocks[-1]
        if blocks and blocks[-1].times[-1] >= at_ms:
            blocks[-1] = blocks[-1].until(bisect_left(blocks[-1].times, at_ms))


def _last_ms(block: _Block) -> int:
    return block.times[-1]


class Ring:
    """A source that holds `span_ms` up to its newest tick. For one event loop."""

    def __init__(self, span_ms: int = HOUR_MS) -> None:
        self._span_ms = span_ms
        self._newest_ms = 0
        self._swept_ms = 0
        self._ticks = 0
        self._packed = _Packed()
        self._columns: dict[Series, _Column] = {}
        self._names: dict[str, dict[Series, _Column]] = {}
        self._asked: dict[tuple[Matcher, ...], list[tuple[Series, _Column]]] = {}
        self._remembered = 0
        """Series, in all answers."""

    def __len__(self) -> int:
        return len(self._columns)

    def append(self, at_ms: int, samples: Sequence[Sample]) -> None:
        """Take a tick.

        One that is not later than the last means that the clock was put back: it replaces what its
        series have from then on.
        """
        self._newest_ms = at_ms
        self._ticks += 1
        self.add(samples)
        if abs(at_ms - self._swept_ms) * _SWEEPS >= self._span_ms:
            self._swept_ms = at_ms
            self._sweep(at_ms - self._span_ms)

    def add(self, samples: Sequence[Sample]) -> None:
        """Take more of the newest tick, in place of what its series have there."""
        at_ms, number = self._newest_ms, (self._ticks - 1) // _BLOCK
        for sample in samples:
            column = self._columns.get(sample.series)
            if column is None:
                column = self._begun(sample.series)
            if column.add(at_ms, sample.value, number=number, oldest_ms=at_ms - self._span_ms):
                column.pack(self._packed)

    def load(self, found: Sequence[Found]) -> None:
        """Take samples of before the first tick, older than all that it has of their series."""
        for each in found:
            column = self._columns.get(each.series)
            if column is None:
                column = self._begun(each.series)
            times, values = array("q", each.times.tobytes()), array("d", each.values.tobytes())
            column.put_before(times, values, self._packed)
            self._newest_ms = max(self._newest_ms, times[-1])

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> Sequence[Found]:
        """All series that fit and have samples with `start_ms` < time <= `end_ms`, by name."""
        start_ms = max(start_ms, self._newest_ms - self._span_ms)
        found = (
            (series, *column.between(start_ms, end_ms))
            for series, column in self._fitting(tuple(matchers))
        )
        return [
            Found(series, np.frombuffer(times, np.int64), np.frombuffer(values, np.float64))
            for series, times, values in found
            if times
        ]

    def _begun(self, series: Series) -> _Column:
        column = _Column()
        self._columns[series] = column
        self._names.setdefault(series.name, {})[series] = column
        self._forget_answers()
        return column

    def _sweep(self, oldest_ms: int) -> None:
        """Drop series that ended, or that a clock put back left in the future."""
        newest_ms = self._newest_ms
        ended = [
            series
            for series, column in self._columns.items()
            if not oldest_ms < column.newest_ms <= newest_ms
        ]
        for series in ended:
            del self._columns[series]
            of_name = self._names[series.name]
            del of_name[series]
            if not of_name:
                del self._names[series.name]
        if ended:
            self._forget_answers()

    def _forget_answers(self) -> None:
        self._asked.clear()
        self._remembered = 0

    def _fitting(self, matchers: tuple[Matcher, ...]) -> list[tuple[Series, _Column]]:
        # Rules ask the same each tick; what fits changes only with the series.
        found = self._asked.get(matchers)
        if found is None:
            found = sorted(self._search(matchers), key=lambda each: each[0])
            self._remembered += len(found)
            if len(self._asked) >= _REMEMBERED_QUESTIONS or self._remembered > _REMEMBERED_SERIES:
                self._asked.clear()
                self._remembered = len(found)
            self._asked[matchers] = found
        return found

    def _search(self, matchers: tuple[Matcher, ...]) -> Iterator[tuple[Series, _Column]]:
        named = [each.value for each in matchers if each.label == NAME_LABEL and each.op == "="]
        among = self._names.get(named[0], {}) if named else self._columns
        for series, column in among.items():
            if all(matcher.fits(series) for matcher in matchers):
                yield series, column
