"""OTLP over HTTP, in JSON: https://opentelemetry.io/docs/specs/otlp/#otlphttp."""

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import cast

from intertie.forward.http import HttpSender, opened
from intertie.forward.record import Record
from intertie.runtime.log_record import Level

PATH = "/v1/logs"

_SEVERITY: Mapping[Level, int] = {
    "trace": 1,
    "debug": 5,
    "info": 9,
    "warning": 13,
    "error": 17,
    "critical": 21,
}
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}")
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_INT64 = 2**63


def sender(
    url: str, *, headers: Mapping[str, str], labels: Mapping[str, str]
) -> AbstractAsyncContextManager[HttpSender]:
    """To the collector at `url`, which has its full path."""
    return opened(url, headers, encode=lambda records: encode(records, labels), lost=rejected)


def encode(records: Sequence[Record], labels: Mapping[str, str]) -> object:
    """An ExportLogsServiceRequest: one resource a replica, its streams as an attribute."""
    replicas: dict[tuple[str, int], list[Record]] = {}
    for record in records:
        replicas.setdefault((record.line.service, record.line.replica), []).append(record)
    return {
        "resourceLogs": [
            {
                "resource": {
                    "attributes": _attributes(
                        {
                            **labels,
                            "service.name": service,
                            "service.instance.id": f"{service}-{replica}",
                        }
                    )
                },
                "scopeLogs": [
                    {"scope": {"name": "intertie"}, "logRecords": [_record(each) for each in found]}
                ],
            }
            for (service, replica), found in replicas.items()
        ]
    }


def rejected(answer: object) -> int:
    """How many records the answer says were thrown away."""
    said = cast("dict[str, object]", answer) if isinstance(answer, dict) else {}
    partial = said.get("partialSuccess")
    count = partial.get("rejectedLogRecords", 0) if isinstance(partial, dict) else 0
    return int(count) if str(count).isdecimal() else 0


def _record(record: Record) -> dict[str, object]:
    said = record.said
    fields = dict(said.fields) if said else {}
    found: dict[str, object] = {
        "timeUnixNano": str(record.at_ns),
        "observedTimeUnixNano": str(record.seen_ns),
        "body": {"stringValue": (said and said.message) or record.line.text},
    }
    if said and said.level:
        found |= {"severityNumber": _SEVERITY[said.level], "severityText": said.level.upper()}
    for key, name, form in (("trace_id", "traceId", _TRACE_ID), ("span_id", "spanId", _SPAN_ID)):
        value = fields.get(key)
        if isinstance(value, str) and form.fullmatch(value):
            found[name] = fields.pop(key)
    stream = "stdout" if record.line.stream == "out" else "stderr"
    found["attributes"] = _attributes({**fields, "log.iostream": stream})
    return found


def _attributes(values: Mapping[str, object]) -> list[dict[str, object]]:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: object) -> dict[str, object]:
    match value:
        case None:
            return {}
        case bool():
            return {"boolValue": value}
        case int() | float():
            return _number(value)
        case list():
            return {"arrayValue": {"values": [_value(item) for item in value]}}
        case dict():
            entries = {str(key): item for key, item in value.items()}
            return {"kvlistValue": {"values": _attributes(entries)}}
        case _:
            return {"stringValue": str(value)}


def _number(value: float) -> dict[str, object]:
    """As protobuf's JSON spells it: 64-bit integers, and what JSON has no number for, are text."""
    if isinstance(value, int):
        small = -_INT64 <= value < _INT64
        return {"intValue": str(value)} if small else {"stringValue": str(value)}
    return {"doubleValue": value if math.isfinite(value) else _NOT_FINITE[str(value)]}
