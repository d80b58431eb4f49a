"""Spans, as a collector gets them."""

import socket
from time import monotonic

import pytest
from opentelemetry import trace as otel
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from intertie.service.environment import read_environment
from intertie.service.spans import Recorder
from intertie.service.trace import Tracing
from tests.service.collector import attributes, collector

pytestmark = pytest.mark.anyio


def tracing(url: str, sample: str = "1") -> Tracing:
    """With a collector there."""
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, "INTERTIE_TRACE_SAMPLE": sample}
    environment = read_environment("orders", variables)
    ours = Tracing(environment)
    ours.recorder = Recorder(environment, url)
    return ours


async def test_a_span_has_its_ids_its_parent_and_its_service() -> None:
    """A part of the work is below the whole, within one trace."""
    with collector() as kept:
        ours = tracing(kept.url)
        with ours.within(ours.begin(), "whole", "CONSUMER", {"a": 1}) as whole:
            assert otel.get_current_span().get_span_context().span_id == whole.span_id
            with ours.within(ours.child(), "part", "INTERNAL", {}):
                pass
        await ours.stop()

    spans = {span.name: span for span in kept.spans}
    assert {span.trace_id.hex() for span in kept.spans} == {f"{whole.trace_id:032x}"}
    assert spans["part"].parent_span_id == spans["whole"].span_id
    assert spans["whole"].parent_span_id == b""
    assert spans["whole"].kind == Span.SPAN_KIND_CONSUMER
    assert attributes(spans["whole"].attributes)["a"] == "1"
    assert kept.resources[0]["service.name"] == "orders"


async def test_what_the_work_raises_is_recorded() -> None:
    """The span is an error then, and the exception goes on."""
    with collector() as kept:
        ours = tracing(kept.url)
        with (
            pytest.raises(ValueError, match="seven"),
            ours.within(ours.begin(), "x", "INTERNAL", {}),
        ):
            raise ValueError("seven")
        await ours.stop()

    assert kept.spans[0].status.code == Status.STATUS_CODE_ERROR
    assert attributes(kept.spans[0].events[0].attributes)["exception.message"] == "seven"


async def test_a_trace_that_is_not_sampled_is_not_recorded() -> None:
    """It costs its ids only."""
    with collector() as kept:
        ours = tracing(kept.url, sample="0")
        with ours.within(ours.begin(), "x", "INTERNAL", {}):
            pass
        await ours.stop()

    assert kept.spans == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_collector_that_does_not_answer_holds_nobody_up() -> None:
    """The end comes after a moment, with the spans lost."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        ours = tracing(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with ours.within(ours.begin(), "x", "INTERNAL", {}):
            pass

        began = monotonic()
        await ours.stop()

        assert monotonic() - began < 4
