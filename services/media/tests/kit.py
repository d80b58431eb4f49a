"""What the tests of the services stand on: real stores, a clock to set, apps behind real HTTP."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from anyio import create_task_group
from starlette.types import ASGIApp

from intertie_media.documents import Asset, AssetId, Metadata, Status, Timings, UserId
from intertie_media.settings import Settings
from intertie_media.web import identity_header

START = datetime(2026, 1, 1, tzinfo=UTC)
ANN = identity_header("ann")
BOB = identity_header("bob")
ADMIN = identity_header("root", "admin")


@dataclass
class Clock:
    """Stands still until told."""

    at: datetime = START

    def __call__(self) -> datetime:
        """What time it is."""
        return self.at

    def pass_by(self, seconds: float) -> None:
        """Let time go by."""
        self.at += timedelta(seconds=seconds)


@dataclass
class Ids:
    """One after another: `id-1`, `id-2`, and so on."""

    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def __call__(self) -> str:
        """The next one."""
        return f"id-{next(self._numbers)}"


def settings(data: Path, service: str = "upload-manager", **environment: object) -> Settings:
    """Those of a service that keeps everything below `data`."""
    given = {name: str(value) for name, value in environment.items()}
    data.mkdir(parents=True, exist_ok=True)
    return Settings.read(service, {"INTERTIE_DATA": str(data), **given})


def asset(id: str = "a1", user: str = "ann", **fields: Any) -> Asset:
    """An asset that was just uploaded."""
    plain = Asset(
        id=AssetId(id),
        user_id=UserId(user),
        status=Status.UPLOADED,
        metadata=Metadata(title="A film", filename="film.mp4", size_bytes=1000),
        timings=Timings(uploaded_at=START),
        created_at=START,
        updated_at=START,
    )
    return plain.model_copy(update=fields)


def client(app: ASGIApp, headers: dict[str, str] | None = None) -> httpx.AsyncClient:
    """Calls `app` as the user of `headers`, without a socket."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://app", headers=headers)


@asynccontextmanager
async def live(
    app: ASGIApp, settings: Settings, headers: dict[str, str] | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """Calls `app` over a real socket, served as in production."""
    base_url = f"http://127.0.0.1:{settings.port}"
    async with (
        _running(app, settings.port),
        httpx.AsyncClient(base_url=base_url, headers=headers, trust_env=False) as http,
    ):
        yield http


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def service(
    module: str, data: Path, port: int, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    """`python -m intertie_media.<module>` in a process of its own, killed at the end."""
    env = {**os.environ, "PORT": str(port), "INTERTIE_DATA": str(data), **environment}
    command = [sys.executable, "-m", f"intertie_media.{module}"]
    with (
        _held(port),
        subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process,
    ):
        try:
            _wait_until_it_listens(process, port)
            yield process
        finally:
            process.kill()


@contextmanager
def _held(port: int) -> Iterator[None]:
    """Nobody else is given it before the service listens on it."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", port))
        yield


def _wait_until_it_listens(process: subprocess.Popen[str], port: int) -> None:
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)  # another process gives no event
    raise AssertionError("the service ended without listening")


class _Server(uvicorn.Server):
    """Leaves the signals to the tests' own process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def _running(app: ASGIApp, port: int) -> AsyncIterator[None]:
    server = _Server(uvicorn.Config(app, port=port, log_config=None, lifespan="off"))
    with socket.create_server(("127.0.0.1", port)) as listener:
        async with create_task_group() as group:
            group.start_soon(server.serve, [listener])
            yield
            server.should_exit = True
