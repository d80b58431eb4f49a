"""A server of pages of metrics, as a test wants them."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Page:
    """What is answered."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "text/plain"})


class Pages:
    """A running server; what is not set is 404."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[dict[str, str]] = []
        """Headers of the requests, names in lower case."""
        self.gate = threading.Event()
        """`/slow` answers once it is set."""
        self.port = 0

    @property
    def instance(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/metrics") -> str:
        """Of a page."""
        return f"http://{self.instance}{path}"

    def put(self, body: str, path: str = "/metrics") -> None:
        """Answer so from now on."""
        self.pages[path] = Page(body.encode())


@contextmanager
def pages() -> Iterator[Pages]:
    """It is gone afterwards."""
    made = Pages()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            """Answer with the page of that path."""
            made.asked.append({name.lower(): value for name, value in self.headers.items()})
            if self.path == "/slow":
                made.gate.wait(30)
            page = made.pages.get(self.path, Page(status=404))
            self.send_response(page.status)
            for name, value in page.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            self.wfile.write(page.body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()
