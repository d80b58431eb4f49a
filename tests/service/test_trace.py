"""Trace context."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from intertie.service import Service
from intertie.service.environment import read_environment
from intertie.service.trace import Trace, Tracing, current, parse
from tests.w3c import BAD, GOOD, PARENT, STATES, TRACE, ask, served


def tracing(sample: str = "0.5") -> Tracing:
    """Without a collector."""
    return Tracing(read_environment("orders", {"INTERTIE_TRACE_SAMPLE": sample}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        PARENT[:-1],
        PARENT + "-more",
        PARENT.upper(),
        PARENT.replace("-", "_"),
        "ff" + PARENT[2:],
        PARENT.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32),
        PARENT.replace("00f067aa0ba902b7", "0" * 16),
        "01" + PARENT[2:] + "x",
    ],
)
def test_what_is_no_traceparent_begins_a_new_trace(text: str) -> None:
    """As W3C Trace Context asks for."""
    assert parse(text) is None
    assert tracing().follow(text).parent == 0


@pytest.mark.parametrize("text", [PARENT, "01" + PARENT[2:], "01" + PARENT[2:] + "-more"])
def test_a_traceparent_is_gone_on_with(text: str) -> None:
    """Of later versions, too; the trace and its sampling are the caller's, the span is ours."""
    trace = tracing("0").follow(text)

    assert f"{trace.trace_id:032x}" == PARENT[3:35]
    assert f"{trace.parent:016x}" == PARENT[36:52]
    assert trace.sampled
    assert trace.span_id != trace.parent


@given(st.binary(max_size=80))
def test_any_header_is_read_without_an_error(value: bytes) -> None:
    """Whoever sends it."""
    assert tracing().begin([(b"traceparent", value)]).trace_id


@given(st.integers(1, (1 << 128) - 1), st.integers(1, (1 << 64) - 1), st.booleans())
def test_what_goes_out_is_what_comes_in(trace_id: int, span_id: int, sampled: bool) -> None:
    """Formatting and parsing are each other's inverse."""
    text = Trace(trace_id, span_id, sampled).traceparent

    assert parse(text) == (trace_id, span_id, sampled)


def test_tracestate_is_passed_on() -> None:
    """With a trace that goes on; never alone."""
    states = [(b"tracestate", b"a=1"), (b"tracestate", b"b=2")]
    ours = tracing()

    assert (
        ours.begin([(b"traceparent", PARENT.encode()), *states]).headers()["tracestate"]
        == "a=1,b=2"
    )
    assert "tracestate" not in ours.begin(states).headers()


@pytest.mark.parametrize(("sample", "share"), [("0", 0), ("1", 1000), ("0.5", 500)])
def test_new_traces_are_sampled_at_the_rate(sample: str, share: int) -> None:
    """The other ones as their caller decided."""
    ours = tracing(sample)

    assert abs(sum(ours.begin().sampled for _ in range(1000)) - share) < 100


def test_a_part_belongs_to_the_trace_around_it() -> None:
    """And the one around it is the current one again afterwards."""
    ours = tracing()
    whole = ours.begin()

    with ours.within(whole, "whole", "INTERNAL", {}):
        with ours.within(ours.child(), "part", "INTERNAL", {}) as part:
            assert current.get() is part
        assert current.get() is whole

    assert (part.trace_id, part.parent) == (whole.trace_id, whole.span_id)
    assert current.get() is None


def kit_echo() -> ASGIApp:
    """A service that says what it would send on."""
    service = Service("orders", logs=False, environ={})

    async def echo(request: Request) -> Response:
        return JSONResponse(service.headers())

    return service.wrap(Starlette(routes=[Route("/", echo)]))


async def _sent_on(*requests: list[tuple[str, str]]) -> list[dict[str, str]]:
    async with served(kit_echo()) as port:
        return [json.loads((await ask(port, "/", *headers)).body) for headers in requests]


@pytest.mark.anyio
async def test_a_service_keeps_the_rules_of_w3c() -> None:
    """What passes goes on, what is faulty begins a new trace, two headers are none."""
    good = await _sent_on(*([("TraceParent", text)] for text in GOOD.values()))
    bad = await _sent_on(*([("traceparent", text)] for text in BAD.values()))
    (twice,) = await _sent_on([("traceparent", PARENT), ("traceparent", PARENT)])

    assert [each["traceparent"][3:35] for each in good] == [
        text.strip()[3:35] for text in GOOD.values()
    ]
    assert all(parse(each["traceparent"]) for each in bad)
    assert TRACE not in {each["traceparent"][3:35] for each in [*bad, twice]}


@pytest.mark.anyio
async def test_a_service_passes_tracestate_on_by_its_rules() -> None:
    """Whole or not at all."""
    requests = (
        [("traceparent", PARENT), *(("tracestate", value) for value in values)]
        for values, _ in STATES.values()
    )

    found = await _sent_on(*requests)

    assert [each.get("tracestate", "") for each in found] == [told for _, told in STATES.values()]
