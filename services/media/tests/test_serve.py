import json
import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from intertie.errors import IntertieError
from intertie_media.serve import JsonLines, running
from intertie_media.web import application
from services.media.tests.kit import free_port, live, service, settings


async def hello(_: Request) -> Response:
    """A greeting."""
    return PlainTextResponse("hello")


APP = application([Route("/", hello)])


def test_a_log_line_is_one_json_object_with_the_extra_fields() -> None:
    """Machines read the log."""
    record = logging.LogRecord("here", logging.INFO, "f", 1, "upload %s", ("begun",), None)
    record.upload = "u1"

    line = json.loads(JsonLines("upload-manager").format(record))

    assert line["message"] == "upload begun"
    assert (line["service"], line["level"], line["upload"]) == ("upload-manager", "info", "u1")


@pytest.mark.anyio
async def test_an_app_is_served_on_its_port_only_inside_the_block(tmp_path: Path) -> None:
    """The port is free again afterwards."""
    place = settings(tmp_path, PORT=free_port())

    async with live(APP, place) as http:
        assert (await http.get("/")).text == "hello"

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", place.port))


@pytest.mark.anyio
async def test_a_taken_port_is_named(tmp_path: Path) -> None:
    """The error says which address cannot be listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        place = settings(tmp_path, PORT=taken.getsockname()[1])

        with pytest.raises(IntertieError, match=r"cannot listen on 127\.0\.0\.1"):
            async with running(APP, place):
                pass


@pytest.mark.slow
@pytest.mark.parametrize("word", [signal.SIGTERM, signal.SIGINT])
def test_a_service_ends_orderly_when_told(tmp_path: Path, word: signal.Signals) -> None:
    """Exit code 0, with open keep-alive connections, and the database closed."""
    port = free_port()
    with service("content", tmp_path, port) as process, httpx.Client(trust_env=False) as http:
        assert http.get(f"http://127.0.0.1:{port}/health").json()["status"] == "UP"

        process.send_signal(word)

        assert process.wait(timeout=10) == 0
    assert not (tmp_path / "media.db-wal").exists()


@pytest.mark.slow
def test_a_service_that_cannot_start_says_why_in_one_line(tmp_path: Path) -> None:
    """Exit code 1 and no traceback."""
    env = {**os.environ, "PORT": "no", "INTERTIE_DATA": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "-m", "intertie_media.content"],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, "")
    assert "cannot use PORT='no'" in json.loads(done.stdout)["error"]
