"""Another collector of traces, as one that spans are passed on to."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass
class Peer:
    """Answers as it is told; then always well."""

    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    @property
    def bodies(self) -> list[bytes]:
        """No longer compressed."""
        return [
            gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
            for headers, body in self.got
        ]

    @property
    def span_ids(self) -> set[str]:
        """Of all spans that came, in protobuf."""
        requests = map(ExportTraceServiceRequest.FromString, self.bodies)
        return {
            span.span_id.hex()
            for request in requests
            for of in request.resource_spans
            for scope in of.scope_spans
            for span in scope.spans
        }


@contextmanager
def peer(*answers: int, **headers: str) -> Iterator[Peer]:
    """One that listens within the block."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    made = Peer([(code, told) for code in answers])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            made.got.append(({k.lower(): v for k, v in self.headers.items()}, body))
            code, headers = made.answers.pop(0) if made.answers else (200, {})
            self.send_response(code)
            for name, value in {**headers, "content-length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}/v1/traces"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
