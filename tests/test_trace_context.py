"""Where we are in a trace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.errors import ConflictError
from intertie.trace_context import (
    Piece,
    TraceContext,
    Tracer,
    current,
    here,
    parse,
    received,
    trace_id_of,
    tracestate,
    use,
)
from tests.w3c import BAD, GOOD, PARENT, SPAN, STATES, TRACE


def keeping(rate: float = 1.0) -> tuple[Tracer, list[Piece]]:
    """A tracer, and what it keeps."""
    kept: list[Piece] = []
    return Tracer(rate, kept.append), kept


@pytest.mark.parametrize("header", GOOD.values(), ids=GOOD)
def test_a_trace_goes_on(header: str) -> None:
    """Also of a version that is not known yet."""
    text, _ = received([(b"traceparent", header.encode())])

    found = Tracer().follow(text)

    assert (found.trace_text, f"{found.parent:016x}") == (text[3:35], text[36:52])
    assert found.sampled == bool(int(text[53:55], 16) & 1)


@pytest.mark.parametrize("header", BAD.values(), ids=BAD)
def test_what_is_no_traceparent_begins_a_new_trace(header: str) -> None:
    """Nothing of it is used."""
    text, state = received([(b"traceparent", header.encode()), (b"tracestate", b"a=1")])

    found = Tracer().follow(text, state)

    assert (found.parent, found.state) == (0, "")
    assert found.trace_text != TRACE


@pytest.mark.parametrize(("values", "passed_on"), STATES.values(), ids=STATES)
def test_a_tracestate_is_passed_on_whole_or_not_at_all(values: list[str], passed_on: str) -> None:
    """By the rules of W3C Trace Context §3.3."""
    assert tracestate(values) == passed_on


def test_two_traceparents_are_none() -> None:
    """Nobody knows which is right, be they alike or not."""
    pair = (b"traceparent", PARENT.encode())

    assert received([pair, pair]) == ("", "")


@given(st.lists(st.tuples(st.sampled_from([b"traceparent", b"tracestate"]), st.binary())))
def test_any_headers_are_read_without_an_error(headers: list[tuple[bytes, bytes]]) -> None:
    """Whoever sends them; what goes on is well formed."""
    made = Tracer().follow(*received(headers))

    assert parse(made.traceparent)
    assert tracestate([made.state]) == made.state


@given(st.integers(1, (1 << 128) - 1), st.integers(1, (1 << 64) - 1), st.booleans())
def test_what_goes_out_is_what_comes_in(trace_id: int, span_id: int, sampled: bool) -> None:
    """Formatting and parsing are each other's inverse."""
    text = TraceContext(trace_id, span_id, sampled).traceparent

    assert parse(text) == (trace_id, span_id, sampled)
    assert trace_id_of(text) == f"{trace_id:032x}"


@pytest.mark.parametrize(("rate", "least", "most"), [(0, 0, 0), (1, 1000, 1000), (0.1, 40, 160)])
def test_new_traces_are_sampled_at_the_rate(rate: float, least: int, most: int) -> None:
    """None at 0, all at 1."""
    tracer = Tracer(rate)

    assert least <= sum(tracer.begin().sampled for _ in range(1000)) <= most


def test_a_part_is_recorded_if_the_whole_is() -> None:
    """Whatever our own rate is: a trace is whole or not there."""
    assert Tracer(0.0).follow(PARENT).sampled
    assert not Tracer(1.0).follow(f"00-{TRACE}-{SPAN}-00").sampled
    tracer = Tracer(0.0)
    assert tracer.child(tracer.follow(PARENT)).sampled


def test_work_within_work_is_its_part() -> None:
    """Parents are the pieces around; log lines have the ids of the innermost."""
    tracer, kept = keeping()
    with tracer.within(tracer.child(), "outer") as outer:
        with tracer.within(tracer.child(), "inner", "client", {"n": 1}) as inner:
            told = here()
        assert current.get() is outer.context

    assert current.get() is None
    assert here() == {}
    assert told == {"trace_id": outer.context.trace_text, "span_id": inner.context.span_text}
    assert [(each.name, each.kind, each.fields) for each in kept] == [
        ("inner", "client", {"n": 1}),
        ("outer", "internal", {}),
    ]
    assert inner.context.parent == outer.context.span_id
    assert all(each.end_ns >= each.start_ns for each in kept)


def test_a_failure_is_noted_without_what_strangers_tell() -> None:
    """Our own errors hold no secrets; those of libraries may."""
    tracer, kept = keeping()
    for error in (ConflictError("cannot do it: so"), ValueError("password=x")):
        with pytest.raises(type(error)), tracer.within(tracer.child(), "work"):
            raise error

    assert [each.failed for each in kept] == ["cannot do it: so", "ValueError"]


def test_what_is_not_sampled_or_not_wanted_is_not_kept() -> None:
    """It has its ids all the same."""
    tracer, kept = keeping(rate=0.0)
    with tracer.within(tracer.begin(), "not sampled"):
        assert here()["trace_id"]
    with tracer.within(tracer.follow(PARENT), "nothing came of it") as piece:
        piece.is_wanted = False

    assert kept == []


def test_a_span_that_was_written_down_is_gone_on_with() -> None:
    """It is the same span; below the current one if that is of its trace."""
    tracer = Tracer()
    above = tracer.begin()
    span = tracer.child(above)
    with use(above):
        again = tracer.resume(span.traceparent)

    assert (again.span_id, again.parent) == (span.span_id, above.span_id)
    assert tracer.resume(span.traceparent).parent == 0
    assert tracer.resume("").trace_id != span.trace_id


def test_a_process_is_told_by_its_environment() -> None:
    """The same text, under names in upper case."""
    context = Tracer().follow(PARENT, "a=1")

    assert context.variables() == {"TRACEPARENT": context.traceparent, "TRACESTATE": "a=1"}
    assert "TRACESTATE" not in Tracer().begin().variables()
