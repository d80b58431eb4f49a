"""What a suite says of its traces."""

import pytest
from pydantic import ValidationError

from intertie.suite.tracing import SuiteTracing, variables


def test_the_defaults_keep_a_tenth_of_the_traces_for_a_day() -> None:
    """Here, and nowhere else."""
    found = SuiteTracing()

    assert (found.provider, found.sampling.rate, found.forward_url) == ("local", 0.1, None)
    assert (found.retention, found.max_size) == (86400, 512 << 20)


@pytest.mark.parametrize(
    ("told", "url"),
    [
        ({"provider": "jaeger"}, "http://127.0.0.1:4318/v1/traces"),
        ({"provider": "tempo"}, "http://127.0.0.1:4318/v1/traces"),
        ({"provider": "tempo", "endpoint": "http://t:1/"}, "http://t:1/v1/traces"),
        ({"provider": "otlp", "endpoint": "https://a/b/v1/traces"}, "https://a/b/v1/traces"),
        ({"provider": "local"}, None),
    ],
)
def test_another_collector_gets_them_at_its_usual_path(
    told: dict[str, object], url: str | None
) -> None:
    """Unless the endpoint has one."""
    assert SuiteTracing.model_validate(told).forward_url == url


def test_the_guide_s_own_words_are_enough() -> None:
    """A provider and a rate."""
    told = {"provider": "jaeger", "sampling": {"rate": 0.1}, "max_size": "64MB", "retention": "2h"}
    found = SuiteTracing.model_validate(told)

    assert (found.max_size, found.retention) == (64 << 20, 7200)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"provider": "otlp"}, "expected one"),
        ({"provider": "zipkin"}, "Input should be 'local'"),
        ({"endpoint": "http://a"}, "it is local"),
        ({"headers": {"a": "b"}}, "it is local"),
        ({"provider": "jaeger", "endpoint": "jaeger:4318"}, "should match pattern"),
        ({"sampling": {"rate": 1.1}}, "less than or equal to 1"),
        ({"max_size": "1KB"}, "greater than or equal to 1048576"),
        ({"retention": "0s"}, "longer than 0"),
    ],
)
def test_what_cannot_be_is_refused(told: dict[str, object], why: str) -> None:
    """With the reason."""
    with pytest.raises(ValidationError, match=why):
        SuiteTracing.model_validate(told)


def test_services_are_told_in_the_words_of_opentelemetry_and_of_our_kit() -> None:
    """Where to, with what key, and how many of those that begin there."""
    found = variables("http://127.0.0.1:7/", "key", 0.1)

    assert found["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:7"
    assert found["OTEL_EXPORTER_OTLP_HEADERS"] == "authorization=Bearer%20key"
    assert found["OTEL_TRACES_SAMPLER"] == "parentbased_traceidratio"
    assert found["OTEL_TRACES_SAMPLER_ARG"] == found["INTERTIE_TRACE_SAMPLE"] == "0.1"
