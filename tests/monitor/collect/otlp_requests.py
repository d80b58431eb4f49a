"""Requests to export metrics, as services send them."""

import json
from typing import Any

from intertie.monitor.collect.otlp import Export

JSON = "application/json"
PROTOBUF = "application/x-protobuf"
NOW_NS = 1_700_000_000_123_000_000
NOW_MS = 1_700_000_000_123


def attributes(**values: str) -> list[dict[str, Any]]:
    """As JSON has them."""
    return [
        {"key": key.replace("__", "."), "value": {"stringValue": value}}
        for key, value in values.items()
    ]


def request(*metrics: dict[str, Any], **resource: str) -> bytes:
    """In JSON, as the specification writes it; `__` in a name is a dot."""
    of = {"attributes": attributes(**(resource or {"service__name": "web"}))}
    scope = {"scope": {"name": "test"}, "metrics": metrics}
    return json.dumps({"resourceMetrics": [{"resource": of, "scopeMetrics": [scope]}]}).encode()


def number(value: float, at_ns: int = NOW_NS, **labels: str) -> dict[str, Any]:
    """A point."""
    kind = {"asInt": str(value)} if isinstance(value, int) else {"asDouble": value}
    return {"timeUnixNano": str(at_ns), "attributes": attributes(**labels), **kind}


def total(*points: dict[str, Any], temporality: int = 2, monotonic: bool = True) -> dict[str, Any]:
    """A counter, unless said otherwise."""
    data = {
        "aggregationTemporality": temporality,
        "isMonotonic": monotonic,
        "dataPoints": points,
    }
    return {"name": "hits", "unit": "{hit}", "sum": data}


def gauge(*points: dict[str, Any]) -> dict[str, Any]:
    """A metric without a unit."""
    return {"name": "queue.length", "gauge": {"dataPoints": points}}


def histogram(temporality: int = 2, **changes: Any) -> dict[str, Any]:
    """Of seconds, with six values."""
    point = {
        "timeUnixNano": str(NOW_NS),
        "count": "6",
        "sum": 2.5,
        "explicitBounds": [0.1, 1, 10],
        "bucketCounts": ["1", "2", "3", "0"],
        **changes,
    }
    data = {"aggregationTemporality": temporality, "dataPoints": [point]}
    return {"name": "duration", "unit": "s", "histogram": data}


def told(export: Export) -> dict[str, float]:
    """By series."""
    return {str(each.sample.series): each.sample.value for each in export.points}


BUCKETS = {
    'duration_seconds_bucket{le="0.1", service="web"}': 1.0,
    'duration_seconds_bucket{le="1", service="web"}': 3.0,
    'duration_seconds_bucket{le="10", service="web"}': 6.0,
    'duration_seconds_bucket{le="+Inf", service="web"}': 6.0,
    'duration_seconds_count{service="web"}': 6.0,
    'duration_seconds_sum{service="web"}': 2.5,
}
