import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message

from intertie.errors import StoreError
from intertie_media.serve import Opened
from intertie_media.web import application
from services.media.tests.kit import client, free_port, service


async def hello(_: Request) -> Response:
    """A greeting."""
    return PlainTextResponse("hello")


@pytest.mark.anyio
async def test_an_application_is_open_for_as_long_as_its_server() -> None:
    """Made at the start, closed at the end, by one task."""
    seen: list[str] = []

    @asynccontextmanager
    async def opening() -> AsyncIterator[ASGIApp]:
        seen.append("open")
        yield application([Route("/", hello)])
        seen.append("closed")

    app = Opened(opening())

    async def receive() -> Message:
        if "lifespan.startup.complete" in seen:
            async with client(app) as http:
                seen.append((await http.get("/")).text)
        return {"type": "lifespan"}

    async def send(message: Message) -> None:
        seen.append(message["type"])

    await app({"type": "lifespan"}, receive, send)

    assert seen == [
        "open",
        "lifespan.startup.complete",
        "hello",
        "closed",
        "lifespan.shutdown.complete",
    ]


@pytest.mark.anyio
async def test_what_cannot_be_opened_is_told_to_the_server() -> None:
    """It does not pretend to serve."""
    sent: list[Message] = []

    @asynccontextmanager
    async def opening() -> AsyncIterator[ASGIApp]:
        raise StoreError("cannot open the database")
        yield application([])

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    app = Opened(opening())
    await app({"type": "lifespan"}, receive, send)

    assert [each["type"] for each in sent] == ["lifespan.startup.failed"]


@pytest.mark.slow
@pytest.mark.parametrize("word", [signal.SIGTERM, signal.SIGINT])
def test_a_service_ends_orderly_when_told(tmp_path: Path, word: signal.Signals) -> None:
    """Exit code 0, with open keep-alive connections, and the database closed."""
    port = free_port()
    with service("content", tmp_path, port) as process, httpx.Client(trust_env=False) as http:
        assert http.get(f"http://127.0.0.1:{port}/health").json()["status"] == "UP"

        process.send_signal(word)

        assert process.wait(timeout=60) == 0
    assert not (tmp_path / "media.db-wal").exists()


@pytest.mark.slow
def test_a_service_shows_its_numbers(tmp_path: Path) -> None:
    """Requests by route, never by path."""
    port = free_port()
    with service("content", tmp_path, port), httpx.Client(trust_env=False) as http:
        http.get(f"http://127.0.0.1:{port}/media/some-id")
        numbers = http.get(f"http://127.0.0.1:{port}/metrics").text

    assert 'http_requests_total{endpoint="/media/{id}",method="GET",status="401"} 1.0' in numbers


def refused(**environment: str) -> tuple[int, str]:
    """Exit code, and the error that content management logs."""
    done = subprocess.run(
        [sys.executable, "-m", "intertie_media.content"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert "Traceback" not in done.stderr
    return done.returncode, next(line["error"] for line in lines if "error" in line)


@pytest.mark.slow
def test_a_service_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    """Exit code 1 and no traceback: faulty settings, or a store that cannot be opened."""
    (tmp_path / "media.db").mkdir()

    code, told = refused(PORT="no", INTERTIE_DATA=str(tmp_path))
    assert (code, told) == (
        1,
        "cannot use PORT='no': expected a whole number up to 65535, at least 1",
    )
    code, told = refused(PORT=str(free_port()), INTERTIE_DATA=str(tmp_path))
    assert code == 1
    assert "cannot open database" in told


BROKEN = """
from contextlib import asynccontextmanager
from anyio import create_task_group, sleep
from starlette.applications import Starlette
from intertie_media.serve import start

@asynccontextmanager
async def opened(settings, service):
    async def work():
        await sleep(0.2)
        raise ValueError("a worker's fault")
    async with create_task_group() as group:
        group.start_soon(work)
        yield Starlette()
        group.cancel_scope.cancel()

start("content-management", opened)
"""


@pytest.mark.slow
def test_a_service_whose_work_has_failed_ends(tmp_path: Path) -> None:
    """It does not go on answering while nothing is done; the suite starts it anew."""
    done = subprocess.run(
        [sys.executable, "-c", BROKEN],
        env={**os.environ, "PORT": str(free_port()), "INTERTIE_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert "a worker's fault" in done.stdout
