"""A real HTTP server with the routes of traces, over a store of its own."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from anyio import create_task_group
from fastapi import FastAPI

from intertie.api import problem, traces
from intertie.api.server import ApiServer
from intertie.control.callers import Nobody, Who
from intertie.control.identity_desk import Rights
from intertie.control.traces import TracesControl
from intertie.control.use_cases import Control
from intertie.identity.api_key import ApiKey
from intertie.monitor.tracing import Tracing
from intertie.suite.tracing import SuiteTracing

NOW_MS = 1_700_000_000_000
TOKEN = "of-services"


@dataclass
class Uses:
    """What these routes need of the use cases; who calls is told as everywhere."""

    key: ApiKey
    traces: TracesControl
    open_reads: bool = False
    open_writes: bool = False
    who: Who = field(default_factory=Nobody)
    rights: Rights = field(default_factory=Rights)
    identify = Control.identify


@dataclass(frozen=True)
class Served:
    """Where it listens, and what is behind it."""

    url: str
    key: str
    tracing: Tracing

    @property
    def auth(self) -> dict[str, str]:
        """Of the one who may do all."""
        return {"authorization": f"Bearer {self.key}"}

    @property
    def as_service(self) -> dict[str, str]:
        """Of one who may send spans."""
        return {"authorization": f"Bearer {TOKEN}"}


@asynccontextmanager
async def served(
    folder: Path, *, is_traced: bool = True, open_writes: bool = False
) -> AsyncIterator[Served]:
    """It listens within the block."""
    async with Tracing.open(
        SuiteTracing(), folder, token=TOKEN, resolve=str, now_ms=lambda: NOW_MS
    ) as tracing:
        control = TracesControl(now_tracing=lambda: tracing if is_traced else None)
        app = FastAPI()
        key = ApiKey.create(folder / "api.token")
        app.state.control = Uses(key, control, open_writes=open_writes)
        problem.install(app)
        app.include_router(traces.router)
        app.include_router(traces.pushed)
        listener = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = ApiServer(app, listener)
        async with create_task_group() as group:
            await group.start(server.run)
            try:
                yield Served(url, (folder / "api.token").read_text(), tracing)
            finally:
                group.cancel_scope.cancel()
