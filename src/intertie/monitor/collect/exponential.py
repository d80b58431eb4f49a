"""Exponential histograms as buckets with bounds: which there are, and what each holds.

A bound is kept only where it is one of the histogram's own, so each count is exact. Four of them
double: a quantile that is computed from them is at most 19 % (2 ** 0.25 - 1) from the true one, or
as far as what is sent already is where its own buckets are wider. Values around zero are the
exception: within the sender's zero threshold nobody knows more.

Source: OpenTelemetry metrics data model, "ExponentialHistogram" (bucket i holds values in
(base ** i, base ** (i + 1)], base = 2 ** (2 ** -scale); halving the scale joins two each).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

SCALE = 2
"""Of what is kept, unless what is sent is coarser: bounds are powers of 2 ** (2 ** -SCALE)."""
_SCALES = range(-10, 21)
_LARGEST = 1023
"""Exponent of two; beyond it there is no such number."""

Edge = tuple[int, int]
"""The sign of a bound, and its power."""


@dataclass(frozen=True, slots=True)
class Buckets:
    """What a histogram holds, by the number of its buckets."""

    scale: int
    positive: Mapping[int, int] = field(default_factory=dict[int, int])
    negative: Mapping[int, int] = field(default_factory=dict[int, int])
    zero: int = 0
    threshold: float = 0.0
    """Values up to there count as zero."""

    @property
    def count(self) -> int:
        """Of all."""
        return self.zero + sum(self.positive.values()) + sum(self.negative.values())

    def at(self, scale: int) -> Buckets:
        """The same at a coarser scale."""
        if scale >= self.scale:
            return self
        shift = self.scale - scale
        positive, negative = _joined(self.positive, shift), _joined(self.negative, shift)
        return Buckets(scale, positive, negative, self.zero, self.threshold)

    def plus(self, other: Buckets) -> Buckets:
        """Both together, at the coarser one's scale."""
        scale = min(self.scale, other.scale)
        one, two = self.at(scale), other.at(scale)
        return Buckets(
            scale,
            Counter(one.positive) + Counter(two.positive),
            Counter(one.negative) + Counter(two.negative),
            one.zero + two.zero,
            max(one.threshold, two.threshold),
        )

    def edges(self) -> frozenset[Edge]:
        """Bounds of all buckets that hold something."""
        found = {(1, number + side) for number in self.positive for side in (0, 1)}
        found |= {(-1, number + side) for number in self.negative for side in (0, 1)}
        return frozenset(found)


def buckets_of(point: pb.ExponentialHistogramDataPoint) -> Buckets:
    """What a point holds, no finer than is kept. Raises ValueError."""
    if point.scale not in _SCALES:
        raise ValueError(f"its scale is {point.scale}, not one from -10 to 20")
    positive, negative = _counted(point.positive), _counted(point.negative)
    zero, threshold = point.zero_count, abs(point.zero_threshold)
    made = Buckets(point.scale, positive, negative, zero, threshold)
    if made.count != point.count:
        raise ValueError(f"its buckets hold {made.count} values, and it says {point.count}")
    made = made.at(SCALE)
    if any(abs(power) > _LARGEST * 2.0**made.scale for _, power in made.edges()):
        raise ValueError("a bucket is beyond the largest number")
    return made


def edges_at(edges: Set[Edge], scale: int, wanted: int) -> frozenset[Edge]:
    """Bounds at one scale that are bounds at another one too."""
    if wanted >= scale:
        return frozenset((sign, power << (wanted - scale)) for sign, power in edges)
    step = 1 << (scale - wanted)
    return frozenset((sign, power // step) for sign, power in edges if power % step == 0)


def cumulative(buckets: Buckets, edges: Set[Edge]) -> Sequence[tuple[float, int]]:
    """Each bound, and how many values are not above it; ascending, without the last, infinity.

    `edges` has those of `buckets` at least.
    """
    held = [(bound(buckets.scale, 1, i + 1), n) for i, n in buckets.positive.items()]
    held += [(bound(buckets.scale, -1, i), n) for i, n in buckets.negative.items()]
    bounds = {bound(buckets.scale, sign, power) for sign, power in edges}
    if buckets.zero:
        held.append((buckets.threshold, buckets.zero))
        bounds |= {buckets.threshold, -buckets.threshold}
    held.sort()
    found: list[tuple[float, int]] = []
    under = place = 0
    for each in sorted(bounds):
        while place < len(held) and held[place][0] <= each:
            under += held[place][1]
            place += 1
        found.append((each, under))
    return found


def bound(scale: int, sign: int, power: int) -> float:
    """The number that an edge stands for."""
    return sign * math.exp2(power * 2.0**-scale)


def _counted(side: pb.ExponentialHistogramDataPoint.Buckets) -> Mapping[int, int]:
    return {side.offset + place: count for place, count in enumerate(side.bucket_counts) if count}


def _joined(counts: Mapping[int, int], shift: int) -> Mapping[int, int]:
    found = Counter[int]()
    for number, count in counts.items():
        found[number >> shift] += count
    return found
