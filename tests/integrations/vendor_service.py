"""Slack as far as its probe goes, for suites that run as processes of their own."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WELL = {"ok": True, "team_id": "T1", "user_id": "U1"}
DEAD = {"ok": False, "error": "token_revoked"}


@dataclass
class Service:
    """Answers each request with what `told` says."""

    url: str
    told: dict[str, object] = field(default_factory=lambda: dict(WELL))
    tokens: list[str] = field(default_factory=list)
    """That were shown."""


@contextmanager
def vendor_service() -> Iterator[Service]:
    """Running, on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.tokens.append(self.headers.get("authorization", ""))
            body = json.dumps(made.told).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made = Service(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
