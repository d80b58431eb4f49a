import logging
import math

import pytest
from prometheus_client.parser import text_string_to_metric_families

from intertie.plugins.metrics import Refusals, Sample, samples


def test_numbers_are_metrics_and_text_is_a_label() -> None:
    """As in the guide's example."""
    found, refused = samples("p", {"custom_metric": 123.45, "another_metric": "value"}, {})

    assert found == [
        Sample("custom_metric", 123.45, {"plugin": "p"}),
        Sample("another_metric_info", 1.0, {"plugin": "p", "value": "value"}),
    ]
    assert not refused


@pytest.mark.parametrize("name", ["", "1st", "a-b", "a b", "é", "__mine", 7, 'x{a="b"} 1\ny'])
def test_names_that_prometheus_does_not_know_are_refused(name: object) -> None:
    """They never get as far as /metrics."""
    assert samples("p", {name: 1}, {})[0] == []
    assert len(samples("p", {name: 1}, {})[1]) == 1


@pytest.mark.parametrize("value", [None, [1], {"a": 1}, "x" * 300])
def test_other_values_are_refused(value: object) -> None:
    """The good ones beside them are passed on."""
    found, refused = samples("p", {"bad": value, "good": True}, {})

    assert [each.name for each in found] == ["good"]
    assert refused[0].startswith("bad: expected a number")


def test_the_suites_own_metrics_cannot_be_changed() -> None:
    """One that is handed back as it was is nothing new."""
    found, refused = samples("p", {"own": 1, "other": 2}, {"own": 1, "other": 1})

    assert not found
    assert refused == ["other: the suite's own metrics cannot be changed"]


def test_a_number_too_large_is_infinite() -> None:
    """Prometheus' numbers are floats."""
    assert samples("p", {"x": 10**400}, {})[0][0].value == math.inf


def test_what_is_passed_on_is_read_by_prometheus() -> None:
    """By its own parser."""
    found, _ = samples("p", {"a:b_c": 1, "d": 2.5}, {})
    text = "".join(f'{each.name}{{plugin="p"}} {each.value}\n' for each in found)

    assert [each.name for each in text_string_to_metric_families(text)] == ["a:b_c", "d"]


def test_a_refusal_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Metrics are collected again and again."""
    refusals = Refusals()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            refusals.tell("p", ["a b: no metric name"])

    assert len(caplog.records) == 1
