"""A webhook on loopback that notes when each alert came."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass(slots=True)
class Hook:
    """Where it listens, and what came."""

    url: str
    came: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds since 1970, by the room that is hot."""


@contextmanager
def hooked() -> Iterator[Hook]:
    """While it listens."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    hook = Hook(f"http://127.0.0.1:{server.server_port}/alerts")
    _Handler.hook = hook
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    hook: Hook

    def do_POST(self) -> None:
        at = time.time()
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        for alert in body["alerts"]:
            self.hook.came.setdefault(alert["labels"]["room"], at)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *_: object) -> None:
        """Quiet."""
