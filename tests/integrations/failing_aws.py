"""A server in the place of AWS that fails, or answers always the same."""

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from intertie.integrations.cloud.aws import AWSIntegration
from tests.integrations.stage import Stage

SECRET = "a-secret-that-nobody-sees"
KEYS = {"region": "eu-west-1", "access_key_id": "AKIATEST", "secret_access_key": SECRET}


class Failing(BaseHTTPRequestHandler):
    """Answers always the same."""

    def do_POST(self) -> None:
        """As its server says."""
        server = self.server
        assert isinstance(server, Vendor)
        server.asked.append(self.path)
        length = int(self.headers.get("content-length") or 0)
        server.bodies.append(self.rfile.read(length))
        server.release.wait(60)
        self.send_response(server.status)
        for name, value in server.headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(server.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(server.body)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Vendor(ThreadingHTTPServer):
    """Fails as it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Failing)
        self.status, self.body, self.headers = 500, b"", dict[str, str]()
        self.asked, self.bodies = list[str](), list[bytes]()
        self.release = threading.Event()
        self.release.set()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Who was not waited for is no fault."""


@contextmanager
def serving() -> Iterator[Vendor]:
    """Until the end."""
    with Vendor() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            made.release.set()
            made.shutdown()
            thread.join()


@asynccontextmanager
async def staged(url: str, **told: Any) -> AsyncIterator[tuple[AWSIntegration, Stage]]:
    """A connection whose pauses take no time."""
    stage = Stage()
    config = {**KEYS, "endpoint_url": url}
    try:
        yield stage.made(AWSIntegration, config=config, **told), stage
    finally:
        await stage.registry.aclose()
