"""Places that lines are sent to: rsyslog, an OpenTelemetry collector, and receivers over HTTP."""

import gzip
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_RSYSLOG = """
global(workDirectory="{folder}")
template(name="fields" type="string" string="%pri% %protocol-version% %timestamp:::date-rfc3339% \
%hostname% %app-name% %procid% %msgid% %structured-data%|%msg%\\n")
module(load="imudp")
module(load="imtcp")
module(load="imuxsock" sysSock.use="off")
input(type="imudp" address="127.0.0.1" port="{udp}")
input(type="imtcp" address="127.0.0.1" port="{tcp}")
input(type="imuxsock" socket="{folder}/log.sock" useSpecialParser="off" ignoreTimestamp="off"
      useSysTimeStamp="off" rateLimit.interval="0")
action(type="omfile" file="{folder}/received" template="fields")
"""


@contextmanager
def held_port() -> Iterator[int]:
    """One that nobody else is given; it refuses connections until our own server listens on it."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


def free_udp_port() -> int:
    """Of the loopback interface."""
    with socket.socket(type=socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@dataclass
class Rsyslog:
    """A real syslog server in a folder; it may be stopped and started again."""

    folder: Path
    tcp: int
    udp: int = field(default_factory=free_udp_port)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Ready for all three transports."""
        config = self.folder / "rsyslog.conf"
        config.write_text(_RSYSLOG.format(folder=self.folder, tcp=self.tcp, udp=self.udp))
        argv = ["rsyslogd", "-n", "-f", str(config), "-i", str(self.folder / "pid")]
        with subprocess.Popen(
            argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                yield
            finally:
                process.terminate()

    def is_ready(self) -> bool:
        """Whether it listens."""
        with socket.socket() as found:
            return found.connect_ex(("127.0.0.1", self.tcp)) == 0 and self.socket.exists()

    @property
    def socket(self) -> Path:
        """For local programs."""
        return self.folder / "log.sock"

    def received(self) -> list[str]:
        """A line a message."""
        path = self.folder / "received"
        # While it writes, the file may end within a character.
        return path.read_text(errors="replace").splitlines() if path.exists() else []


@dataclass(frozen=True)
class Request:
    """As it came, unpacked."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """An HTTP server. `answer` gives status, headers and body of the answer to a request."""

    answer: Callable[[Request], tuple[int, dict[str, str], str]] = lambda request: (204, {}, "")
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator["Receiver"]:
        """On its port, or any that is free."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                request = Request(self.path, dict(self.headers), body)
                code, headers, text = receiver.answer(request)
                receiver.requests.append(request)
                self.send_response(code)
                for name, value in {**headers, "Content-Length": str(len(text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        with ThreadingHTTPServer(("127.0.0.1", self.port), Handler) as server:
            server.daemon_threads = True
            self.port = server.server_address[1]
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield self
            finally:
                server.shutdown()
                thread.join()


@dataclass
class Loki:
    """The rules of Loki's push API, held against every request.

    Source: the HTTP API reference, and what its distributor and ingester check: a stream has at
    least one label of a valid name; a value is [nanoseconds as text, line]; an entry with the
    time and text of one that is there is dropped; one older than an hour before the newest of
    its stream is refused.
    """

    entries: dict[tuple[tuple[str, str], ...], dict[tuple[int, str], None]] = field(
        default_factory=dict
    )
    newest: dict[tuple[tuple[str, str], ...], int] = field(default_factory=dict)

    def __call__(self, request: Request) -> tuple[int, dict[str, str], str]:
        """The answer of a Loki."""
        try:
            self._check_request(request)
            for stream in json.loads(request.body)["streams"]:
                self._take(stream)
        except (AssertionError, KeyError, TypeError, ValueError) as exc:
            return 400, {}, f"{type(exc).__name__}: {exc}"
        return 204, {}, ""

    def lines(self) -> list[str]:
        """All that were accepted, stream by stream, by their time."""
        found = list(self.entries.values())  # requests may be taken in at this moment
        return [line for entries in found for _, line in sorted(entries)]

    def _check_request(self, request: Request) -> None:
        assert request.path == "/loki/api/v1/push", request.path
        assert request.headers["Content-Type"] == "application/json"
        assert set(json.loads(request.body)) == {"streams"}

    def _take(self, stream: dict[str, object]) -> None:
        labels, values = stream["stream"], stream["values"]
        assert set(stream) == {"stream", "values"}
        assert isinstance(labels, dict)
        assert isinstance(values, list)
        assert labels
        assert values
        for label, value in labels.items():
            assert _LABEL.fullmatch(label), label
            assert isinstance(value, str), value
        name = tuple(sorted(labels.items()))
        entries = self.entries.setdefault(name, {})
        for at, line in values:
            assert isinstance(at, str), "a time is text"
            assert re.fullmatch(r"\d{19}", at), at
            assert isinstance(line, str), line
            assert int(at) > self.newest.get(name, 0) - 3600 * 10**9, "entry too far behind"
            self.newest[name] = max(self.newest.get(name, 0), int(at))
            entries[int(at), line] = None


@contextmanager
def collector(exporter_url: str) -> Iterator[int]:
    """A real OpenTelemetry collector that takes OTLP over HTTP and hands it on; its port."""
    program = next(Path(sys.prefix).glob("lib/python3*/site-packages/rotel/rotel-agent"))
    with held_port() as port, held_port() as other:
        argv = [
            *(str(program), "start", "--otlp-http-endpoint", f"127.0.0.1:{port}"),
            *("--otlp-grpc-endpoint", f"127.0.0.1:{other}", "--exporter", "otlp"),
            *("--otlp-exporter-endpoint", exporter_url, "--otlp-exporter-protocol", "http"),
            *("--batch-timeout", "50ms"),
        ]
        with subprocess.Popen(
            argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                yield port
            finally:
                process.terminate()
