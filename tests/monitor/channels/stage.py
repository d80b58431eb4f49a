"""What channels are tried against: a message, and an HTTP server that keeps what it gets."""

import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import trustme

from intertie.errors import NotFoundError
from intertie.monitor.channels import Message, Told
from intertie.runtime.ports import Ports

AT = datetime(2026, 10, 1, 12, 0, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>\r\nBcc: evil@example.org"
SECRET = "s3cr3t-T0k3n-of-n0b0dy"


def told(name: str = "HighErrorRate", **labels: str) -> Told:
    """An alert that fires for twelve minutes."""
    return Told(
        labels={"alertname": name, "service": "shop", "severity": "critical", **labels},
        annotations={"summary": "Too many errors", "description": "See the log."},
        starts_at=AT - timedelta(minutes=12),
        value=0.0731412,
    )


def message(**changes: object) -> Message:
    """A notice of one alert."""
    plain = Message(
        key="notice-1",
        kind="firing",
        title="Shop is failing",
        text="More than 5% of all answers are errors.",
        severity="critical",
        at=AT,
        alerts=(told(),),
        group=(("alertname", "HighErrorRate"),),
        link="https://intertie.example.org/alerts/1",
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def hostile() -> Message:
    """A notice whose every text tries to be more than text."""
    alert = Told(
        labels={"alertname": HOSTILE, "path": HOSTILE},
        annotations={"summary": HOSTILE, "description": "<!channel> & <@U1>\ud800"},
        starts_at=AT,
    )
    return message(title=HOSTILE, text=HOSTILE, alerts=(alert,), group=(("path", HOSTILE),))


def vault(**secrets: str) -> "Vault":
    """Secrets by name, told as `${secret:name}`."""
    return Vault(secrets)


@dataclass
class Vault:
    """Stands in for the suite's secrets, and can change them."""

    secrets: dict[str, str] = field(repr=False)

    def __call__(self, text: str) -> str:
        """As `Resolve`."""
        for name, value in self.secrets.items():
            text = text.replace(f"${{secret:{name}}}", value)
        if "${secret:" in text:
            raise NotFoundError(f"cannot resolve {text!r}: no such secret")
        return text


@dataclass(frozen=True)
class Request:
    """What somebody posted."""

    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Recorder:
    """A server, what it has got, and how it answers."""

    url: str
    status: int = 200
    before: list[int] = field(default_factory=list)
    """Statuses of the first answers."""
    said: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None
    """Called, in a thread of the server, while a client waits for its answer."""


@contextmanager
def recording(authority: trustme.CA | None = None) -> Iterator[Recorder]:
    """A running recorder, over HTTPS if somebody signs its certificate."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            recorder.requests.append(Request(self.path, dict(self.headers), body))
            recorder.meanwhile()
            self.send_response(recorder.before.pop(0) if recorder.before else recorder.status)
            size = str(len(recorder.said))
            for name, value in {"Content-Length": size, **recorder.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(recorder.said)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = _Quiet(("127.0.0.1", 0), Handler)
    if authority is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    scheme = "https" if authority else "http"
    recorder = Recorder(f"{scheme}://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up early is what some tests are about."""


def nobody() -> int:
    """A port of this machine where nobody listens, and that the system gives to no client."""
    return Ports().take("nobody")
