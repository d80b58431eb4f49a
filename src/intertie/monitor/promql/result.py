"""Answers, and the JSON that Prometheus would give for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intertie.monitor.promql.figures import figure
from intertie.monitor.sample import NAME_LABEL, Series

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Json = Mapping[str, object]
_Pair = list[float | str]


@dataclass(frozen=True, slots=True)
class Scalar:
    """One number."""

    at_ms: int
    value: float

    def as_json(self) -> Json:
        """Prometheus' `data` of `/api/v1/query`."""
        return {"resultType": "scalar", "result": _pair(self.at_ms, self.value)}


@dataclass(frozen=True, slots=True)
class Word:
    """One text."""

    at_ms: int
    value: str

    def as_json(self) -> Json:
        """Prometheus' `data` of `/api/v1/query`."""
        return {"resultType": "string", "result": [self.at_ms / 1000, self.value]}


@dataclass(frozen=True, slots=True)
class Point:
    """One series' value."""

    series: Series
    """Its name is empty where a calculation has taken it away."""
    value: float


@dataclass(frozen=True, slots=True)
class Vector:
    """Values of series at one moment, sorted where the expression sorts."""

    at_ms: int
    points: tuple[Point, ...]

    def as_json(self) -> Json:
        """Prometheus' `data` of `/api/v1/query`."""
        found = [
            {"metric": _metric(point.series), "value": _pair(self.at_ms, point.value)}
            for point in self.points
        ]
        return {"resultType": "vector", "result": found}


Value = Scalar | Vector | Word
"""The answer at one moment."""


@dataclass(frozen=True, slots=True)
class Track:
    """One series' values at those moments of a range at which it has one."""

    series: Series
    times: "NDArray[np.int64]"
    """Milliseconds since 1970."""
    values: "NDArray[np.float64]"


def tracks_as_json(tracks: Sequence[Track]) -> Json:
    """Prometheus' `data` of `/api/v1/query_range`."""
    found = [
        {
            "metric": _metric(track.series),
            "values": [
                _pair(at, value)
                for at, value in zip(track.times.tolist(), track.values.tolist(), strict=True)
            ],
        }
        for track in tracks
    ]
    return {"resultType": "matrix", "result": found}


def _pair(at_ms: int, value: float) -> _Pair:
    return [at_ms / 1000, figure(value)]


def _metric(series: Series) -> dict[str, str]:
    named = {NAME_LABEL: series.name} if series.name else {}
    return named | dict(series.labels)
