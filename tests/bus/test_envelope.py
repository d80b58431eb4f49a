"""Events as bytes, and what strangers send."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies

from intertie.bus.envelope import decode, encode
from intertie.bus.port import MAX_BODY_BYTES
from intertie.errors import BusError
from intertie.event import Event

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
VALUES = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers(-(2**53), 2**53)
    | strategies.text(),
    lambda inner: strategies.lists(inner) | strategies.dictionaries(strategies.text(), inner),
    max_leaves=10,
)


def event(data: dict[str, object], **changes: str) -> Event:
    """One about nothing in particular."""
    return Event(id="1", source="s", type="a.b", subject="x", time=AT, data=data, **changes)  # type: ignore[arg-type]


def read(body: bytes) -> Event:
    """As a consumer of a.b would."""
    return decode(body, topic="a.b", id="engine-id", now=lambda: AT)


@pytest.mark.slow
@given(strategies.dictionaries(strategies.text(), VALUES))
def test_what_goes_in_comes_out(data: dict[str, object]) -> None:
    """Whatever JSON it is."""
    assert read(encode(event(data))) == event(data)


def test_an_event_on_the_wire_is_a_cloud_event() -> None:
    """Structured mode: attributes and data in one JSON object, none of them null."""
    found = json.loads(encode(event({"n": None})))

    assert found == {
        "specversion": "1.0",
        "id": "1",
        "source": "s",
        "type": "a.b",
        "subject": "x",
        "time": "2026-01-02T03:04:05Z",
        "datacontenttype": "application/json",
        "data": {"n": None},
    }


def test_the_trace_travels_along() -> None:
    """As the distributed tracing extension has it."""
    sent = event({}, traceparent="00-1-2-01")

    assert json.loads(encode(sent))["traceparent"] == "00-1-2-01"
    assert read(encode(sent)) == sent


def test_plain_json_is_the_data_of_an_event() -> None:
    """A program that knows no envelope may still send commands."""
    found = read(b'{"services": ["api"]}')

    assert (found.type, found.id, found.data) == ("a.b", "engine-id", {"services": ["api"]})


def test_what_cloud_events_leave_out_is_filled_in() -> None:
    """Subject and time are optional there; unknown extensions are none of our business."""
    found = read(b'{"specversion":"1.0","id":"9","source":"x","type":"t","data":{},"other":"y"}')

    assert (found.id, found.subject, found.time) == ("9", "", AT)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "it is not JSON"),
        (b"\xff\xfe", "it is not JSON"),
        (b"[1]", "expected a JSON object"),
        (b'{"specversion":"0.3","id":"1","source":"x","type":"t","data":{}}', "specversion"),
        (b'{"specversion":"1.0","source":"x","type":"t","data":{}}', "id: Field required"),
        (b'{"specversion":"1.0","id":"1","source":"x","type":"t","data":"text"}', "data"),
        (b"[" * 10_000, "it is not JSON"),
        (b" " * (MAX_BODY_BYTES + 1), "more than 1044480 bytes"),
    ],
)
def test_anything_else_is_refused(body: bytes, why: str) -> None:
    """With the topic and the reason."""
    with pytest.raises(BusError, match=r"cannot read a message of a\.b") as caught:
        read(body)

    assert why in str(caught.value)


def test_an_event_too_large_is_refused_before_it_is_sent() -> None:
    """Engines differ in how they would take it."""
    with pytest.raises(BusError, match="the most is 1044480; store what is large"):
        encode(event({"x": "y" * MAX_BODY_BYTES}))


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), "\ud800", object(), b"\xff"], ids=type
)
def test_what_is_no_json_is_refused_before_it_is_sent(value: object) -> None:
    """Nobody could read it."""
    with pytest.raises(BusError, match=r"cannot publish a\.b: it is no JSON"):
        encode(event({"x": value}))


def test_words_that_look_like_numbers_are_words() -> None:
    """NaN is a name in some tongues."""
    assert read(encode(event({"NaN": "Infinity"}))).data == {"NaN": "Infinity"}


@pytest.mark.parametrize("body", [b'{"x": NaN}', b'{"x": 1e999}', b'{"x": -Infinity}'])
def test_numbers_without_end_are_no_json(body: bytes) -> None:
    """Whoever gets the event next could not read it."""
    with pytest.raises(BusError, match="it is not JSON"):
        read(body)


def test_the_topic_is_the_type() -> None:
    """A stranger's event cannot pass as one of another topic, whose schema it was not held to."""
    found = read(b'{"specversion":"1.0","id":"9","source":"x","type":"other","data":{}}')

    assert found.type == "a.b"


def test_an_event_may_have_as_many_bytes_as_are_allowed() -> None:
    """And not one more."""
    room = MAX_BODY_BYTES - len(encode(event({"x": ""})))
    body = encode(event({"x": "y" * room}))

    assert len(body) == MAX_BODY_BYTES
    assert read(body).data == {"x": "y" * room}
    with pytest.raises(BusError, match="the most is"):
        encode(event({"x": "y" * (room + 1)}))
