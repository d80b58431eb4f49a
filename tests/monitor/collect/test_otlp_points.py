from typing import Any

import pytest

from intertie.monitor.collect.otlp import read
from tests.monitor.collect.otlp_requests import (
    BUCKETS,
    JSON,
    NOW_MS,
    NOW_NS,
    gauge,
    histogram,
    number,
    request,
    told,
    total,
)


def test_each_kind_becomes_series() -> None:
    """As Prometheus' receiver names them; buckets count all below their bound."""
    up_and_down = total(number(-3), monotonic=False) | {"name": "sessions"}
    summary = {
        "name": "size",
        "unit": "By",
        "summary": {
            "dataPoints": [
                {
                    "timeUnixNano": str(NOW_NS),
                    "count": "2",
                    "sum": 10.0,
                    "quantileValues": [{"quantile": 0.5, "value": 4.0}],
                }
            ]
        },
    }
    body = request(
        total(number(5, path="/")), up_and_down, gauge(number(1.5)), histogram(), summary
    )

    export = read(body, JSON)

    assert export.rejected == 0
    assert {each.at_ms for each in export.points} == {NOW_MS}
    assert told(export) == {
        'hits_total{path="/", service="web"}': 5.0,
        'sessions{service="web"}': -3.0,
        'queue_length{service="web"}': 1.5,
        'size_bytes{quantile="0.5", service="web"}': 4.0,
        'size_bytes_count{service="web"}': 2.0,
        'size_bytes_sum{service="web"}': 10.0,
        **BUCKETS,
    }


def test_ids_of_exemplars_do_no_harm() -> None:
    """JSON has them in hex, which is not what its reader expects of bytes."""
    exemplar = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"}
    point = number(5) | {"exemplars": [{**exemplar, "asDouble": 1, "timeUnixNano": "1"}]}

    assert told(read(request(total(point)), JSON)) == {'hits_total{service="web"}': 5.0}


def test_little_of_a_resource_becomes_a_label() -> None:
    """What tells services apart; a point's own label does not hide it."""
    body = request(
        gauge(number(1.0, service="mine")),
        service__name="web",
        service__instance__id="web-1",
        process__pid="17",
        telemetry__sdk__name="opentelemetry",
    )

    (point,) = read(body, JSON).points

    assert dict(point.sample.series.labels) == {
        "service": "web",
        "instance": "web-1",
        "exported_service": "mine",
    }


@pytest.mark.parametrize(
    ("metric", "why"),
    [
        (total(number(-1)), "hits: it only grows, but -1 is less than 0"),
        (total(number(1), temporality=0), "neither cumulative nor delta"),
        (gauge({"timeUnixNano": "1"}), "it has no value"),
        (gauge({"asDouble": "NaN"}), "no finite number"),
        (gauge(number(1, a="x" * 2001)), "more than 2000 characters"),
        (histogram(bucketCounts=["1"]), "one bucket more than bounds"),
        (histogram(explicitBounds=[1, 1, 2]), "not in order"),
        (histogram(sum="NaN"), "no finite number"),
        (gauge(number(1)) | {"name": "…"}, "no name of a metric"),
        (
            {"name": "e", "exponentialHistogram": {"dataPoints": [{"count": "1"}]}},
            "it is neither cumulative nor delta",
        ),
    ],
)
def test_a_faulty_point_leaves_the_others_alone(metric: dict[str, Any], why: str) -> None:
    """It is counted and the first reason told, as the answer's `partialSuccess` has it."""
    export = read(request(gauge(number(7.0)), metric), JSON)

    assert told(export) == {'queue_length{service="web"}': 7.0}
    assert export.rejected == 1
    assert why in export.why
