"""What of a span of OTLP is kept."""

import math
from typing import Any

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1 import trace_pb2 as pb

from intertie.monitor.span_fields import MOST_FIELDS, MOST_TEXT, UNKNOWN, span_of


def given(**changes: Any) -> pb.Span:
    """A span with all that it must have."""
    told: dict[str, Any] = {"trace_id": b"t" * 16, "span_id": b"s" * 8, "name": "x", **changes}
    return pb.Span(**told)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"trace_id": b"t" * 24}, "trace_id is not 16 bytes"),
        ({"trace_id": b""}, "trace_id is not 16 bytes"),
        ({"trace_id": bytes(16)}, "trace_id is all zeros"),
        ({"span_id": bytes(8)}, "span_id is all zeros"),
        ({"parent_span_id": b"p"}, "parent_span_id is not 8 bytes"),
        ({"start_time_unix_nano": 2**63}, "times are out of range"),
    ],
)
def test_a_span_that_cannot_be_placed_is_refused(changes: dict[str, Any], why: str) -> None:
    """With the reason."""
    with pytest.raises(ValueError, match=why):
        span_of(given(**changes), Resource(), "")


def test_a_span_without_a_service_or_an_end_is_kept() -> None:
    """It takes no time, and nobody knows whose it is; what is of no kind is internal."""
    found = span_of(given(start_time_unix_nano=5, kind=99, parent_span_id=bytes(8)), Resource(), "")

    assert (found.service, found.duration_ns, found.kind) == (UNKNOWN, 0, "internal")
    assert found.parent_id == ""


def test_too_much_is_cut_and_counted() -> None:
    """Attributes, events, links; long texts are shortened."""
    span = given(name="n" * 9_999)
    for number in range(MOST_FIELDS + 3):
        span.attributes.add(key=f"a{number}").value.string_value = "v" * (MOST_TEXT + 1)
        span.events.add(name="e")
    found = span_of(span, Resource(), "")

    assert len(found.fields) == len(found.events) == MOST_FIELDS
    assert found.cut == 6
    assert len(str(found.fields["a0"])) == MOST_TEXT
    assert len(found.name) < 9_999


def test_each_kind_of_value_is_kept() -> None:
    """Lists and tables as JSON, and what JSON has no number for as text."""
    values = {
        "text": AnyValue(string_value="ü"),
        "flag": AnyValue(bool_value=True),
        "whole": AnyValue(int_value=-(2**63)),
        "part": AnyValue(double_value=0.5),
        "none": AnyValue(double_value=math.nan),
        "bytes": AnyValue(bytes_value=b"\xff"),
        "list": AnyValue(),
        "empty": AnyValue(),
    }
    values["list"].array_value.values.add(int_value=1)
    table = values["list"].array_value.values.add().kvlist_value
    table.values.add(key="k").value.string_value = "v"
    span = given()
    for key, value in values.items():
        span.attributes.add(key=key).value.CopyFrom(value)

    assert span_of(span, Resource(), "").fields == {
        "text": "ü",
        "flag": True,
        "whole": -(2**63),
        "part": 0.5,
        "none": "nan",
        "bytes": "/w==",
        "list": '[1, {"k": "v"}]',
        "empty": "",
    }


@pytest.mark.parametrize(
    ("code", "answer", "status"),
    [
        (0, "503", "error"),
        (0, 500, "error"),
        (0, 404, "unset"),
        (0, "5", "unset"),
        (1, 500, "ok"),
        (2, 200, "error"),
        (7, 200, "unset"),
    ],
)
def test_an_answer_of_500_is_an_error_where_nothing_else_is_said(
    code: int, answer: int | str, status: str
) -> None:
    """Gateways leave the status open, and tell numbers as text."""
    span = given()
    span.status.code = code  # type: ignore[assignment]
    kind = "int_value" if isinstance(answer, int) else "string_value"
    setattr(span.attributes.add(key="http.status_code").value, kind, answer)

    assert span_of(span, Resource(), "").status == status
