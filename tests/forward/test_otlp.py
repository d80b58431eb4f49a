import gzip
from base64 import b64encode
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, SeverityNumber

from intertie.forward.otlp import encode, rejected
from tests.forward.peers import Receiver, collector
from tests.forward.stage import Stage, records
from tests.waiting import eventually

TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"


def decoded(*texts: str) -> ExportLogsServiceRequest:
    """What protobuf's own JSON reader makes of our encoding; unknown keys are errors."""
    said = encode(records(*texts), {"site": "lab"})
    assert isinstance(said, dict)
    for record in said["resourceLogs"][0]["scopeLogs"][0]["logRecords"]:
        for key in {"traceId", "spanId"} & set(record):
            # OTLP's JSON has these in hexadecimal, unlike all other JSON of protobuf.
            record[key] = b64encode(bytes.fromhex(record[key])).decode()
    return ParseDict(said, ExportLogsServiceRequest())


def only(request: ExportLogsServiceRequest) -> LogRecord:
    """The one record there is."""
    (record,) = request.resource_logs[0].scope_logs[0].log_records
    return record


def test_a_replica_is_a_resource() -> None:
    """With its service, its own name and the target's labels."""
    (logs,) = decoded("a", "b").resource_logs

    found = {each.key: each.value.string_value for each in logs.resource.attributes}

    assert found == {"site": "lab", "service.name": "api", "service.instance.id": "api-0"}
    assert [each.body.string_value for each in logs.scope_logs[0].log_records] == ["a", "b"]


def test_a_plain_line_is_its_own_body() -> None:
    """With the time it was read, and no severity."""
    record = only(decoded("plain"))

    assert record.body.string_value == "plain"
    assert record.time_unix_nano == record.observed_time_unix_nano == 1_777_638_615_123_456_789
    assert record.severity_number == SeverityNumber.SEVERITY_NUMBER_UNSPECIFIED
    assert {each.key: each.value.string_value for each in record.attributes} == {
        "log.iostream": "stdout"
    }


def test_a_structured_line_keeps_all_it_says() -> None:
    """Time, severity and trace have places of their own; the rest are attributes of their kind."""
    record = only(
        decoded(
            '{"level":"warn","msg":"m","time":"2026-05-01T12:00:00Z","n":1,"x":0.5,"ok":true,'
            f'"none":null,"list":[1,"a"],"map":{{"k":"v"}},"big":{2**70},"nan":NaN,'
            f'"trace_id":"{TRACE}","span_id":"{SPAN}"}}'
        )
    )

    found = {each.key: each.value for each in record.attributes}
    assert record.body.string_value == "m"
    assert record.severity_number == SeverityNumber.SEVERITY_NUMBER_WARN
    assert record.severity_text == "WARNING"
    assert record.time_unix_nano == 1_777_636_800_000_000_000
    assert (record.trace_id.hex(), record.span_id.hex()) == (TRACE, SPAN)
    assert (found["n"].int_value, found["x"].double_value, found["ok"].bool_value) == (1, 0.5, True)
    assert [each.int_value for each in found["list"].array_value.values][:1] == [1]
    assert found["map"].kvlist_value.values[0].value.string_value == "v"
    assert found["none"].WhichOneof("value") is None
    assert found["big"].string_value == str(2**70)
    assert str(found["nan"].double_value) == "nan"


@pytest.mark.parametrize("value", ["0" * 32, "xyz", TRACE.upper()])
def test_what_is_no_trace_id_stays_an_attribute(value: str) -> None:
    """The specification has sixteen bytes, not all zero."""
    record = only(decoded(f'{{"msg":"m","trace_id":"{value}"}}'))

    assert record.trace_id == b""
    assert record.attributes[0].value.string_value == value


@pytest.mark.parametrize(
    ("answer", "count"),
    [
        (None, 0),
        ({"partialSuccess": None}, 0),
        ({"partialSuccess": {"rejectedLogRecords": "3", "errorMessage": "no"}}, 3),
        ({"partialSuccess": {"rejectedLogRecords": 2}}, 2),
    ],
)
def test_partial_success_is_counted(answer: object, count: int) -> None:
    """64-bit numbers are text in protobuf's JSON."""
    assert rejected(answer) == count


@pytest.mark.slow
@pytest.mark.anyio
async def test_a_real_collector_hands_on_what_a_service_said(tmp_path: Path) -> None:
    """From the log file through OTLP in JSON to OTLP in protobuf."""
    stage = Stage(tmp_path)
    stage.write(f'{{"level":"error","msg":"boom","trace_id":"{TRACE}","span_id":"{SPAN}"}}\n')
    backend = Receiver(lambda request: (200, {"Content-Type": "application/x-protobuf"}, ""))
    with backend.running(), collector(backend.url) as port:
        async with stage.forwarding(kind="otlp", url=f"http://127.0.0.1:{port}") as forwarder:
            await eventually(lambda: bool(backend.requests), within_s=60)
            await eventually(lambda: forwarder.lag_bytes() == 0)

    body = backend.requests[0].body
    request = ExportLogsServiceRequest.FromString(
        gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    )
    record = only(request)
    assert backend.requests[0].path == "/v1/logs"
    assert record.body.string_value == "boom"
    assert record.severity_number == SeverityNumber.SEVERITY_NUMBER_ERROR
    assert (record.trace_id.hex(), record.span_id.hex()) == (TRACE, SPAN)
    assert forwarder.sent_lines == 1
