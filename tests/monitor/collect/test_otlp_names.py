import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intertie.monitor.collect.otlp_names import Kind, label_name, metric_name
from intertie.monitor.sample import is_name


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("http.server.request.duration", "s", "other", "http_server_request_duration_seconds"),
        ("http.server.active_requests", "{request}", "other", "http_server_active_requests"),
        ("process.cpu.time", "s", "counter", "process_cpu_time_seconds_total"),
        ("system.network.io", "By", "counter", "system_network_io_bytes_total"),
        ("requests_total", "1", "counter", "requests_total"),
        ("total.requests", "", "counter", "requests_total"),
        ("memory.utilization", "1", "gauge", "memory_utilization_ratio"),
        ("speed", "km/h", "gauge", "speed_km_per_hour"),
        ("disk.io", "By/s", "gauge", "disk_io_bytes_per_second"),
        ("packets", "{packet}/s", "gauge", "packets_per_second"),
        ("duration_seconds", "s", "gauge", "duration_seconds"),
        ("hits per page", "%", "gauge", "hits_per_page_percent"),
        ("1st", "", "gauge", "_1st"),
        ("a--b..c", "", "gauge", "a_b_c"),
    ],
)
def test_metric_names(name: str, unit: str, kind: Kind, expected: str) -> None:
    """As Prometheus' own receiver writes them."""
    assert metric_name(name, unit, kind) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("http.route", "http_route"), ("1st", "key_1st"), ("__name__", "key__name__"), ("ä", None)],
)
def test_label_names(name: str, expected: str | None) -> None:
    """No label may hide the name of the series."""
    if expected is None:
        with pytest.raises(ValueError, match="no name of a label"):
            label_name(name)
    else:
        assert label_name(name) == expected


@settings(deadline=None)
@given(st.text(), st.text(), st.sampled_from(["counter", "gauge", "other"]))
def test_what_is_made_is_a_name(name: str, unit: str, kind: Kind) -> None:
    """Of whatever text, or nothing is."""
    try:
        made = metric_name(name, unit, kind)
    except ValueError:
        return
    assert is_name(made)
