"""Numbers of a service."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families as parse_text

from intertie.service.metrics import BUCKETS_S, Durations, Metrics


def test_requests_are_shown_as_prometheus_names_them() -> None:
    """In the text format, to who does not ask for another one."""
    metrics = Metrics()
    answers = metrics.requests.answers("GET", "/items/{id}", 200)
    answers.count += 2
    answers.durations.add(0.02)
    answers.durations.add(20.0)

    body, media_type = metrics.render("")

    samples = {
        (sample.name, sample.labels.get("le")): sample.value
        for family in parse_text(body.decode())
        for sample in family.samples
    }
    assert media_type.startswith("text/plain")
    assert samples["http_requests_total", None] == 2
    assert samples["http_request_duration_seconds_bucket", "0.01"] == 0
    assert samples["http_request_duration_seconds_bucket", "0.025"] == 1
    assert samples["http_request_duration_seconds_bucket", "+Inf"] == 2
    assert samples["http_request_duration_seconds_count", None] == 2
    assert samples["http_request_duration_seconds_sum", None] == pytest.approx(20.02)
    assert samples["process_resident_memory_bytes", None] > 0


def test_openmetrics_is_given_to_who_asks() -> None:
    """By the Accept header."""
    metrics = Metrics()
    metrics.requests.answers("GET", "/", 200).count += 1

    body, media_type = metrics.render("application/openmetrics-text; version=1.0.0")
    families = parse_open(body.decode())  # type: ignore[no-untyped-call] # it has no types

    assert media_type.startswith("application/openmetrics-text")
    assert "http_requests" in {family.name for family in families}


def test_each_service_has_numbers_of_its_own() -> None:
    """Two in one process may use the same names."""
    first, second = Metrics(), Metrics()
    first.counter("orders_total", "Orders.").inc()
    second.counter("orders_total", "Orders.")
    first.gauge("open", "Open ones.", ("kind",)).labels("big").set(3)
    first.histogram("size", "How big.").observe(1)

    assert b"orders_total 1.0" in first.render("")[0]
    assert b"orders_total 0.0" in second.render("")[0]
    assert b'open{kind="big"} 3.0' in first.render("")[0]
    assert b"size_count 1.0" in first.render("")[0]


@given(st.lists(st.floats(0, 100)))
def test_buckets_are_cumulative_and_lose_nothing(durations: list[float]) -> None:
    """Each holds those up to its bound, the bound included."""
    histogram = Durations()
    for each in durations:
        histogram.add(each)

    found = [count for _, count in histogram.buckets()]

    assert found == [sum(each <= bound for each in durations) for bound in (*BUCKETS_S, 1000)]
