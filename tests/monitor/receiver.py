"""A receiver of remote write that answers what a test wants, and reads as others do.

That is with Google's protobuf, and snappy by its description.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass


@dataclass(frozen=True)
class Answer:
    """To one request."""

    status: int
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Receiver:
    """Takes what it gets with 204, unless other answers are waiting."""

    url: str = ""
    answers: deque[Answer] = field(default_factory=deque)
    bodies: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)


@contextmanager
def receiver() -> Iterator[Receiver]:
    """It listens."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.bodies.append(self.rfile.read(int(self.headers["content-length"])))
            made.headers.append({name.lower(): text for name, text in self.headers.items()})
            answer = made.answers.popleft() if made.answers else Answer(204)
            self.send_response(answer.status)
            for name, text in answer.headers.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(answer.text.encode())

        def log_message(self, format: str, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_port}/api/v1/write"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _field(name: str, number: int, kind: "Field.Type.ValueType", of: str = "") -> Field:
    label = Field.LABEL_REPEATED if of else Field.LABEL_OPTIONAL
    return Field(
        name=name, number=number, type=kind, label=label, type_name=f".p.{of}" if of else None
    )


def _reader() -> Any:  # a class made at run time
    """`prometheus.WriteRequest` as the specification declares it."""
    file = FileDescriptorProto(name="remote.proto", package="p", syntax="proto3")
    messages = {
        "Label": [_field("name", 1, Field.TYPE_STRING), _field("value", 2, Field.TYPE_STRING)],
        "Sample": [
            _field("value", 1, Field.TYPE_DOUBLE),
            _field("timestamp", 2, Field.TYPE_INT64),
        ],
        "TimeSeries": [
            _field("labels", 1, Field.TYPE_MESSAGE, "Label"),
            _field("samples", 2, Field.TYPE_MESSAGE, "Sample"),
        ],
        "WriteRequest": [_field("timeseries", 1, Field.TYPE_MESSAGE, "TimeSeries")],
    }
    for name, fields in messages.items():
        file.message_type.add(name=name).field.extend(fields)
    pool = DescriptorPool()
    pool.Add(file)
    return GetMessageClass(pool.FindMessageTypeByName("p.WriteRequest"))


READER = _reader()


def unpacked(block: bytes) -> bytes:
    """What a block of literals holds, by the description of the format."""
    size, at, shift = 0, 0, 0
    while True:
        byte = block[at]
        size |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            break
    found = bytearray()
    while at < len(block):
        tag = block[at]
        assert tag & 3 == 0, "a literal"
        extra = max((tag >> 2) - 59, 0)
        length = 1 + (
            int.from_bytes(block[at + 1 : at + 1 + extra], "little") if extra else tag >> 2
        )
        at += 1 + extra
        found += block[at : at + length]
        at += length
    assert len(found) == size
    return bytes(found)
