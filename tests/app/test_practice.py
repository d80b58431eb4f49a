"""Services on restored data."""

import json
import os
from pathlib import Path

import psutil
import pytest

from intertie.app.practice import start_on
from intertie.drivers.process import ProcessDriver
from intertie.errors import IntertieError
from intertie.runtime.environment import Surroundings
from intertie.suite.service import Service

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

WEB = """
import http.server, json, os, pathlib

notes = pathlib.Path(os.environ["INTERTIE_DATA"], "notes.txt").read_text()
pathlib.Path("told.json").write_text(json.dumps({"notes": notes, "pid": os.getpid()}))
http.server.HTTPServer(
    ("127.0.0.1", int(os.environ["PORT"])), http.server.SimpleHTTPRequestHandler
).serve_forever()
"""


async def start(tmp_path: Path, folder: Path, name: str = "web") -> None:
    """The service above, on a folder."""
    (tmp_path / "web.py").write_text(WEB)
    service = Service.model_validate(
        {"command": "python3 web.py", "port": "auto", "healthcheck": {"http": "/"}}
    )
    place = Surroundings(
        suite="s",
        folder=tmp_path,
        logs=tmp_path / "logs",
        data=tmp_path / "elsewhere",
        sockets=tmp_path,
        env={"PATH": os.environ["PATH"]},
        resolve=lambda text: text,
    )
    driver = ProcessDriver(f"practice{tmp_path}")
    await start_on(name, folder, services=lambda: {"web": service}, driver=driver, place=place)


async def test_it_is_started_on_that_data_and_ended(tmp_path: Path) -> None:
    """On a port of its own; nothing of it is left."""
    folder = tmp_path / "restored"
    folder.mkdir()
    (folder / "notes.txt").write_text("remember")

    await start(tmp_path, folder)

    told = json.loads((tmp_path / "told.json").read_text())
    assert told["notes"] == "remember"
    assert not psutil.pid_exists(told["pid"])


async def test_a_service_that_is_not_there_is_told(tmp_path: Path) -> None:
    """By its name."""
    with pytest.raises(IntertieError, match="there is no such service"):
        await start(tmp_path, tmp_path, "shop")
