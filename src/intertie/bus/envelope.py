"""Events as bytes: CloudEvents 1.0, structured mode, JSON."""

import json
import math
import re
from collections.abc import Callable
from datetime import datetime

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from intertie.bus.port import MAX_BODY_BYTES
from intertie.errors import BusError
from intertie.event import Event

_HUGE = re.compile(rb"[0-9][eE]\+?[0-9]{3}")

CONTENT_TYPE = "application/cloudevents+json"


def encode(event: Event) -> bytes:
    """The event's bytes. Raises BusError when they are no JSON, or more than every engine takes."""
    attributes = {**event.__dict__}  # its fields; the mapping interface takes three times as long
    if event.traceparent is None:
        del attributes["traceparent"]
    try:
        body = to_json(attributes)
        if b"NaN" in body or b"Infinity" in body:  # maybe only in a text
            from_json(body, allow_inf_nan=False)
    except ValueError as exc:
        raise BusError(f"cannot publish {event.type}: it is no JSON: {exc}") from exc
    if len(body) > MAX_BODY_BYTES:
        raise BusError(
            f"cannot publish {event.type}: it has {len(body)} bytes, the most is {MAX_BODY_BYTES};"
            " store what is large and send where it lies"
        )
    return body


def decode(body: bytes, *, topic: str, id: str, now: Callable[[], datetime]) -> Event:
    """The event in `body`.

    A JSON object that is no CloudEvent is taken as the data of one about `topic`, so that programs
    which know nothing of envelopes can send commands too; whatever type a CloudEvent names, its
    topic is its type here. Raises BusError for anything else.
    """
    if len(body) > MAX_BODY_BYTES:
        raise BusError(f"cannot read a message of {topic}: more than {MAX_BODY_BYTES} bytes")
    try:
        found = from_json(body, allow_inf_nan=False)
        if _HUGE.search(body):  # maybe only in a text
            json.loads(body, parse_float=_finite)
    except ValueError as exc:
        raise BusError(f"cannot read a message of {topic}: it is not JSON: {exc}") from exc
    if not isinstance(found, dict):
        raise BusError(f"cannot read a message of {topic}: expected a JSON object")
    if "specversion" not in found:
        found = {"specversion": "1.0", "id": id, "source": "unknown", "type": topic, "data": found}
    if "subject" not in found or "time" not in found:
        found = {"subject": "", "time": now(), **found}
    try:
        event = Event.model_validate(found)
    except ValidationError as exc:
        first = exc.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BusError(
            f"cannot read a message of {topic}: no CloudEvent: {where}: {first['msg']}"
        ) from exc
    # The topic says what it is: by it the message was routed, and its schema chosen.
    return event if event.type == topic else event.model_copy(update={"type": topic})


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number
