"""What a pushed metric holds, as samples."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from intertie.monitor.collect.exponential import Buckets, buckets_of
from intertie.monitor.collect.otlp_names import label_name, metric_name
from intertie.monitor.exemplars import Exemplar
from intertie.monitor.sample import STALE, Sample, Series
from intertie.monitor.series_text import number_text

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource

    _Histogram = pb.HistogramDataPoint | pb.ExponentialHistogramDataPoint

MAX_VALUE = 2000
"""Characters of a label's value."""
_RESOURCE = {
    "service.name": "service",
    "service.instance.id": "instance",
    "service.namespace": "namespace",
    "service.version": "version",
    "deployment.environment": "environment",
    "deployment.environment.name": "environment",
    "host.name": "host",
}
"""What of a resource becomes a label; of the rest there is too much."""
_DELTA, _CUMULATIVE = 1, 2
_NO_VALUE = 1
"""The flag of a point that says that its series has ended."""


@dataclass(frozen=True, slots=True)
class Point:
    """A sample and its moment."""

    at_ms: int
    sample: Sample
    is_delta: bool = False
    """It is what was added since the last one."""
    buckets: Buckets | None = None
    """It is a whole exponential histogram; the sample's value is how many values it holds."""
    exemplars: tuple[Exemplar, ...] = ()
    """Traced ones among what it counts."""
    start: float | None = None
    """Where a series that nobody knew yet is known to have been before."""


def take(
    metric: pb.Metric, resource: Mapping[str, str], taken: list[Point], refused: list[str]
) -> None:
    """Its points go to one of the lists: a faulty one leaves the others alone."""
    kind = metric.WhichOneof("data")
    data = getattr(metric, kind) if kind else None
    for point in data.data_points if data is not None else ():
        try:
            labels = _labels(point.attributes, resource)
            taken += list(_POINTS[kind](metric, data, point, labels))
        except (ValueError, KeyError) as exc:
            refused.append(f"{metric.name[:100]}: {exc}")


def _gauge(
    metric: pb.Metric, data: pb.Gauge, point: pb.NumberDataPoint, labels: Mapping[str, str]
) -> Iterator[Point]:
    name = metric_name(metric.name, metric.unit, "gauge")
    made = _point(point, name, labels, _number(point))
    yield replace(made, exemplars=exemplars_of(point))


def _sum(
    metric: pb.Metric, data: pb.Sum, point: pb.NumberDataPoint, labels: Mapping[str, str]
) -> Iterator[Point]:
    name = metric_name(metric.name, metric.unit, "counter" if data.is_monotonic else "other")
    value = _number(point)
    if data.is_monotonic and value < 0:
        raise ValueError(f"it only grows, but {value:g} is less than 0")
    made = _point(point, name, labels, value, is_delta=_is_delta(data))
    yield replace(made, exemplars=exemplars_of(point))


def _histogram(
    metric: pb.Metric, data: pb.Histogram, point: pb.HistogramDataPoint, labels: Mapping[str, str]
) -> Iterator[Point]:
    name = metric_name(metric.name, metric.unit, "other")
    is_delta, bounds = _is_delta(data), list(point.explicit_bounds)
    if point.bucket_counts and len(point.bucket_counts) != len(bounds) + 1:
        raise ValueError("it has not one bucket more than bounds")
    if any(one >= other for one, other in pairwise(bounds)):
        raise ValueError("its bounds are not in order")
    under, before, exemplars = 0, -math.inf, exemplars_of(point)
    bounded = [*zip(bounds, point.bucket_counts, strict=False), (math.inf, 0)]
    for bound, count in bounded:
        under = under + count if bound < math.inf else point.count
        le = {**labels, "le": number_text(bound)}
        made = _point(point, f"{name}_bucket", le, under, is_delta=is_delta)
        mine = tuple(each for each in exemplars if before < each.value <= bound)
        yield replace(made, exemplars=mine)
        before = bound
    yield from _totals(point, name, labels, is_delta=is_delta)


def _summary(
    metric: pb.Metric, data: pb.Summary, point: pb.SummaryDataPoint, labels: Mapping[str, str]
) -> Iterator[Point]:
    name = metric_name(metric.name, metric.unit, "other")
    for found in point.quantile_values:
        each = {**labels, "quantile": f"{found.quantile:g}"}
        yield _point(point, name, each, found.value)
    yield from _totals(point, name, labels)


def _exponential(
    metric: pb.Metric,
    data: pb.ExponentialHistogram,
    point: pb.ExponentialHistogramDataPoint,
    labels: Mapping[str, str],
) -> Iterator[Point]:
    name = metric_name(metric.name, metric.unit, "other")
    is_delta = _is_delta(data)
    made = _point(point, f"{name}_bucket", labels, point.count, is_delta=is_delta)
    yield replace(made, buckets=buckets_of(point), exemplars=exemplars_of(point))
    yield from _totals(point, name, labels, is_delta=is_delta)


_POINTS: dict[str | None, Callable[..., Iterable[Point]]] = {
    "gauge": _gauge,
    "sum": _sum,
    "histogram": _histogram,
    "summary": _summary,
    "exponential_histogram": _exponential,
}


def _totals(
    point: _Histogram | pb.SummaryDataPoint,
    name: str,
    labels: Mapping[str, str],
    *,
    is_delta: bool = False,
) -> Iterator[Point]:
    yield _point(point, f"{name}_count", labels, point.count, is_delta=is_delta)
    if point.HasField("sum") if _may_lack_sum(point) else True:
        yield _point(point, f"{name}_sum", labels, point.sum, is_delta=is_delta)


def _may_lack_sum(point: _Histogram | pb.SummaryDataPoint) -> bool:
    return point.DESCRIPTOR.fields_by_name["sum"].has_presence


def _point(
    point: pb.NumberDataPoint | _Histogram | pb.SummaryDataPoint,
    name: str,
    labels: Mapping[str, str],
    value: float,
    *,
    is_delta: bool = False,
) -> Point:
    has_ended = bool(point.flags & _NO_VALUE)
    told = STALE if has_ended else float(value)
    if not has_ended and not math.isfinite(told):
        raise ValueError("its value is no finite number")
    sample = Sample(Series.of(name, labels), told)
    return Point(point.time_unix_nano // 1_000_000, sample, is_delta and not has_ended)


def _number(point: pb.NumberDataPoint) -> float:
    kind = point.WhichOneof("value")
    if kind is None and not point.flags & _NO_VALUE:
        raise ValueError("it has no value")
    return float(point.as_int) if kind == "as_int" else point.as_double


def _is_delta(data: pb.Sum | pb.Histogram | pb.ExponentialHistogram) -> bool:
    if data.aggregation_temporality not in {_DELTA, _CUMULATIVE}:
        raise ValueError("it is neither cumulative nor delta")
    return data.aggregation_temporality == _DELTA


def exemplars_of(point: pb.NumberDataPoint | _Histogram) -> tuple[Exemplar, ...]:
    """Those that have a trace, the oldest first."""
    found = [
        Exemplar(_exemplar_value(each), each.time_unix_nano // 1_000_000, _trace(each))
        for each in point.exemplars
        if any(each.trace_id)
    ]
    return tuple(sorted(found, key=lambda each: each.at_ms))


def _exemplar_value(given: pb.Exemplar) -> float:
    return float(given.as_int) if given.WhichOneof("value") == "as_int" else given.as_double


def _trace(given: pb.Exemplar) -> tuple[tuple[str, str], ...]:
    span = (("span_id", given.span_id.hex()),) if any(given.span_id) else ()
    return (*span, ("trace_id", given.trace_id.hex()))


def resource_labels(resource: Resource) -> dict[str, str]:
    """Those that tell services apart."""
    return {
        _RESOURCE[each.key]: _value(each.value)[:MAX_VALUE]
        for each in resource.attributes
        if each.key in _RESOURCE
    }


def _labels(attributes: Iterable[KeyValue], resource: Mapping[str, str]) -> dict[str, str]:
    """Those of the point, and of its resource, which a point's own may not hide."""
    found: dict[str, str] = {}
    for each in sorted(attributes, key=lambda attribute: attribute.key):
        name, value = label_name(each.key), _value(each.value)
        name = f"exported_{name}" if name in resource else name
        value = f"{found[name]};{value}" if name in found else value
        if len(value) > MAX_VALUE:
            raise ValueError(f"the value of {each.key[:100]} has more than {MAX_VALUE} characters")
        found[name] = value
    return {**found, **resource}


def _value(given: AnyValue) -> str:
    kind = given.WhichOneof("value")
    if kind is None:
        return ""
    if kind == "string_value":
        return given.string_value
    if kind == "bool_value":
        return "true" if given.bool_value else "false"
    if kind == "int_value":
        return str(given.int_value)
    if kind == "double_value":
        return f"{given.double_value:g}"
    if kind == "array_value":
        return json.dumps([_value(each) for each in given.array_value.values])
    raise ValueError(f"an attribute is a {kind.removesuffix('_value')}")
