"""Exponential histograms as OpenTelemetry's data model describes them."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    AggregationTemporality,
    Exemplar,
    ExponentialHistogramDataPoint,
)

Side = ExponentialHistogramDataPoint.Buckets


def index_of(value: float, scale: int) -> int:
    """The bucket of a positive number: above base ** index, up to base ** (index + 1)."""
    return math.ceil(math.log2(value) * 2.0**scale) - 1


def point_of(
    values: Iterable[float], scale: int, *, at_ms: int = 1
) -> ExponentialHistogramDataPoint:
    """What an SDK tells of these."""
    told = list(values)
    positive = Counter(index_of(v, scale) for v in told if v > 0)
    negative = Counter(index_of(-v, scale) for v in told if v < 0)
    return ExponentialHistogramDataPoint(
        count=len(told),
        sum=math.fsum(told),
        scale=scale,
        zero_count=sum(v == 0 for v in told),
        positive=_side(positive),
        negative=_side(negative),
        time_unix_nano=at_ms * 1_000_000,
    )


def traced(value: float, at_ms: int, trace: str = "ab" * 16) -> Exemplar:
    """One request among them."""
    return Exemplar(
        as_double=value,
        time_unix_nano=at_ms * 1_000_000,
        trace_id=bytes.fromhex(trace),
        span_id=bytes.fromhex("cd" * 8),
    )


def export(
    points: Sequence[ExponentialHistogramDataPoint], *, delta: bool = False, name: str = "took"
) -> bytes:
    """The request that brings them, in seconds."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name=name, unit="s")
    metric.exponential_histogram.data_points.extend(points)
    metric.exponential_histogram.aggregation_temporality = (
        AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
        if delta
        else AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
    )
    return request.SerializeToString()


def _side(counts: Mapping[int, int]) -> Side:
    if not counts:
        return Side()
    first, last = min(counts), max(counts)
    return Side(offset=first, bucket_counts=[counts.get(i, 0) for i in range(first, last + 1)])
