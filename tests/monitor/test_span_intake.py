"""Requests to export traces, as they come over the wire."""

import gzip
import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from intertie.errors import IntertieError
from intertie.monitor import span_intake
from intertie.monitor.span_intake import JSON, PROTOBUF, answer, read
from tests.monitor.traced import AT_NS, MS, TRACE, protobuf, request, span, texts, told

_JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["resourceSpans", "scopeSpans", "spans", "traceId", "links", "kind"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def test_ids_in_json_are_hexadecimal_in_either_case() -> None:
    """Read as base64, as protobuf's own JSON would be, 16 bytes become 24."""
    link = {"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "EEE19B7EC3C1B175"}
    body = request(
        told(
            traceId="5B8EFFF798038103D269B633813FC60C",
            spanId="EEE19B7EC3C1B174",
            parentSpanId="EEE19B7EC3C1B173",
            links=[link],
        )
    )

    export = read(body, JSON)

    (found,) = export.spans
    assert export.rejected == 0
    assert found.trace_id == "5b8efff798038103d269b633813fc60c"
    assert found.span_id == "eee19b7ec3c1b174"
    assert found.parent_id == "eee19b7ec3c1b173"
    assert (found.links[0].trace_id, found.links[0].span_id) == (TRACE, "eee19b7ec3c1b175")


def test_a_span_in_json_is_read_whole() -> None:
    """Its times as numbers or text, its service, its route, its events and why it failed."""
    event = {
        "timeUnixNano": str(AT_NS),
        "name": "exception",
        "attributes": texts(exception__type="E"),
    }
    body = request(
        told(
            startTimeUnixNano=AT_NS,
            attributes=texts(http__route="/orders/{id}"),
            events=[event],
            status={"code": 2, "message": "no money"},
        ),
        service="shop",
    )

    (found,) = read(body, "application/json; charset=utf-8").spans

    assert (found.service, found.route, found.scope) == ("shop", "/orders/{id}", "a.library")
    assert (found.start_ns, found.duration_ns, found.kind) == (AT_NS, 10 * MS, "server")
    assert (found.status, found.message) == ("error", "no money")
    assert found.events[0].fields == {"exception.type": "E"}


def test_protobuf_says_the_same() -> None:
    """Compressed or not."""
    body = protobuf([span(1), span(2, parent=1)])

    plain, packed = read(body, PROTOBUF), read(gzip.compress(body), PROTOBUF, gzipped=True)

    assert plain == packed
    assert [each.parent_id for each in plain.spans] == ["", f"{1:016x}"]


@pytest.mark.parametrize("bad", ["", "xyz", "5b8e", "00" * 16, TRACE + "00", "ü" * 32])
def test_a_faulty_span_leaves_the_others_alone(bad: str) -> None:
    """It is counted, and the first reason is told as OTLP has it, in the request's encoding."""
    export = read(request(told(1, traceId=bad), told(2)), JSON)

    assert [each.span_id for each in export.spans] == [f"{2:016x}"]
    partial = json.loads(answer(export))["partialSuccess"]
    assert partial["rejectedSpans"] == "1"
    assert "trace_id" in partial["errorMessage"]


def test_the_answer_in_protobuf_tells_what_was_rejected() -> None:
    """Nothing is said where all was taken."""
    bad = protobuf([span(1, trace="00" * 16), span(2)])

    found = ExportTraceServiceResponse.FromString(answer(read(bad, PROTOBUF)))

    assert found.partial_success.rejected_spans == 1
    assert answer(read(protobuf([span(2)]), PROTOBUF)) == b""
    assert answer(read(request(told()), JSON)) == b"{}"


@pytest.mark.parametrize(
    ("body", "kind", "why"),
    [
        (b"[]", JSON, "expected a JSON object"),
        (b"{", JSON, "cannot read the request"),
        (b"\xff\xfe\x00", JSON, "cannot read the request"),
        (b"[" * 100_000, JSON, "cannot read the request"),
        (request(told(kind=[1])), JSON, "cannot read the request"),
        (request(told(name="\ud800")), JSON, "cannot read the request"),
        (b"not protobuf", PROTOBUF, "cannot read the request"),
        (b"", "text/plain", "expected application/x-protobuf or application/json"),
        (b"", "", "expected application/x-protobuf or application/json"),
    ],
)
def test_a_faulty_request_is_refused_as_a_whole(body: bytes, kind: str, why: str) -> None:
    """With the reason."""
    with pytest.raises(IntertieError, match=why):
        read(body, kind)


def test_an_empty_request_is_fine() -> None:
    """As OTLP wants it."""
    assert read(b"", PROTOBUF).spans == []
    assert read(b"{}", JSON).spans == []


def test_what_grows_too_large_is_refused() -> None:
    """A small body may hold a large one."""
    bomb = gzip.compress(b" " * (span_intake.MAX_BYTES + 1))

    with pytest.raises(IntertieError, match="larger than 10 MiB"):
        read(bomb, JSON, gzipped=True)
    with pytest.raises(IntertieError, match="no gzip"):
        read(b"plain", JSON, gzipped=True)


@pytest.mark.slow
def test_too_many_spans_at_once_are_refused() -> None:
    """The limit is told."""
    many = protobuf([span(n, name="") for n in range(1, span_intake.MAX_SPANS + 2)])

    with pytest.raises(IntertieError, match="more than 50,000"):
        read(many, PROTOBUF)


def why_not(body: bytes, kind: str) -> str:
    """Why a request is refused; empty: it is not."""
    try:
        read(body, kind)
    except IntertieError as exc:
        return str(exc)
    return ""


@example({"kind": math.inf})
@given(_JSON_VALUES)
def test_no_json_does_more_than_to_be_refused(value: Any) -> None:
    """Whatever its shape."""
    for each in (value, {"resourceSpans": [{"scopeSpans": [{"spans": [value]}]}]}):
        why = why_not(json.dumps(each).encode(), JSON)
        assert not why or why.startswith("cannot read the request")


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_to_be_refused(body: bytes) -> None:
    """Whatever they are."""
    why = why_not(body, PROTOBUF)
    assert not why or why.startswith("cannot read the request")
