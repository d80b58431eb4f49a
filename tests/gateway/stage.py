"""A real Envoy run by the gateway's own controller, with real services behind it."""

import json
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
from anyio import Event, create_task_group, fail_after, to_thread
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse, PlainTextResponse, StreamingResponse

from intertie.api.listen import bind
from intertie.api.server import ApiServer
from intertie.event import GatewayApplied, ServiceStarted
from intertie.gateway.controller import GatewayController
from intertie.gateway.routes import Surroundings
from intertie.identity.issuer import ISSUER, Issuer
from intertie.plan import Replica, ServiceStatus, Snapshot, State
from intertie.runtime.engines import gateway_service
from intertie.runtime.hub import EventHub
from intertie.runtime.ports import is_free
from intertie.suite.gateway import Gateway
from intertie.suite.model import Suite
from intertie.suite.route import Route
from intertie.suite.service import Service
from tests.gateway.ports import PORTS
from tests.waiting import eventually

_SPEC = Service(command=("true",), port="auto")
_START_S = 60
_STOP_S = 60


def now() -> datetime:
    """As the daemon's clock gives it."""
    return datetime.now(UTC)


@dataclass
class Upstream:
    """A service that tells what it was asked, and remembers it."""

    name: str
    port: int = 0
    paths: list[str] = field(default_factory=list)
    """Of the requests that came, decoded as a server does before it looks for the file."""
    status: int = 200
    """Of its answers."""
    gate: Event = field(default_factory=Event)
    """`/slow` answers once it is set."""

    def app(self) -> FastAPI:
        """Answers every path; `/events` streams, `/chat` is a WebSocket that echoes."""
        app = FastAPI(openapi_url=None)
        app.add_api_websocket_route("/chat", _chat)
        app.add_api_route("/events", self._events)
        app.add_api_route("/slow", self._slow)
        app.add_api_route("/count", _count, methods=["POST"])
        app.add_api_route("/long", _long)
        app.add_api_route("/{path:path}", self._answer, methods=_METHODS)
        return app

    async def _slow(self) -> str:
        self.paths.append("/slow")
        await self.gate.wait()
        return "slow"

    async def _events(self) -> StreamingResponse:
        """One at once, the others when the gate is open."""

        async def lines() -> AsyncIterator[str]:
            yield "data: 0\n\n"
            await self.gate.wait()
            yield "data: 1\n\n"
            yield "data: 2\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")

    async def _answer(self, request: Request) -> JSONResponse:
        self.paths.append(request.scope["path"])
        body = await request.body()
        return JSONResponse(
            {
                "service": self.name,
                "port": self.port,
                "method": request.method,
                "path": request.scope["raw_path"].decode(),
                "query": request.url.query,
                "headers": dict(request.headers),
                "size_bytes": len(body),
            },
            self.status,
        )


_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


async def _chat(socket: WebSocket) -> None:
    await socket.accept()
    async for text in socket.iter_text():
        await socket.send_text(f"echo {text}")


async def _long() -> PlainTextResponse:
    """5,000 bytes that compress well."""
    return PlainTextResponse("x" * 5000)


async def _count(request: Request) -> int:
    """Bytes of a body of any size, none of them kept."""
    return sum([len(part) async for part in request.stream()])


@asynccontextmanager
async def upstream(name: str) -> AsyncIterator[Upstream]:
    """A running one, on a free port."""
    listener = bind("127.0.0.1", 0)
    made = Upstream(name, listener.getsockname()[1])
    async with create_task_group() as group:
        await group.start(ApiServer(made.app(), listener).run)
        yield made
        group.cancel_scope.cancel()


class Door:
    """A gateway and what is known of the services behind it."""

    def __init__(self, folder: Path, suite: Suite, services: Mapping[str, Sequence[int]]) -> None:
        self.folder = folder
        self.suite = suite
        self.ports = {name: tuple(ports) for name, ports in services.items()}
        self.hub = EventHub("test", now=now)
        self.issuer = Issuer.open(folder / "keys")
        self.run = folder / "envoy"
        self.log_file = folder / "envoy.log"
        self.rules_file = folder / "authz.json"
        self.known: dict[str, Any] = {}
        """What else is to be known beside the suite."""
        self.controller = GatewayController(
            suite,
            self.run,
            hub=self.hub,
            snapshot=self.snapshot,
            around=lambda _: self.surroundings(),
            rules_file=self.rules_file,
            log_file=self.log_file,
        )
        self.envoy: subprocess.Popen[bytes] | None = None

    @property
    def gateway(self) -> Gateway:
        """What the suite says of it."""
        assert self.suite.gateway is not None
        return self.suite.gateway

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self.gateway.port}"

    def snapshot(self) -> Snapshot:
        """As the supervisor would tell it."""
        return Snapshot({name: _status(name, ports) for name, ports in self.ports.items()})

    def surroundings(self) -> Surroundings:
        """As the daemon would tell them."""
        return Surroundings(issuer=ISSUER, jwks=self.issuer.jwks(), **self.known)

    def move(self, service: str, *ports: int) -> None:
        """The service's replicas listen there from now on; everybody is told."""
        self.ports[service] = ports
        told = ServiceStarted(
            service=service, replica=0, pid=1, port=ports[-1] if ports else None, took_s=0.1
        )
        self.hub.publish(told, service)

    async def moved(self, service: str, *ports: int) -> None:
        """Move it; return once the gateway has taken that."""
        async with self.hub.subscribe() as events:
            self.move(service, *ports)
            with fail_after(60):
                async for event in events:
                    if event.type == GatewayApplied.type:
                        assert event.data["accepted"], event.data
                        return

    def token(self, subject: str = "ada", **changes: Any) -> str:
        """A valid token, as `intertie token` makes it."""
        keys: dict[str, Any] = {"now": now(), "audience": "intertie", "lifetime_s": 600, **changes}
        return self.issuer.mint(subject, **keys)

    def bearer(self) -> dict[str, str]:
        """The header of a client that has a token."""
        return {"authorization": f"Bearer {self.token()}"}

    def logged(self) -> list[dict[str, Any]]:
        """Each request, as the access log has it; what is half written is none yet."""
        whole, end, _ = self.access_log().rpartition("\n")
        return [json.loads(line) for line in (whole + end).splitlines()]

    def access_log(self) -> str:
        """As written so far; Envoy writes once a second."""
        return (self.run / "access.log").read_text()

    def resident_bytes(self) -> int:
        """Memory Envoy holds now."""
        [process] = self.processes()
        held: int = process.memory_info().rss
        return held

    def processes(self) -> list[psutil.Process]:
        """Envoy itself, behind the shell that runs it; nothing when it has ended."""
        assert self.envoy is not None
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.envoy.pid).children()
        return []

    async def start(self) -> None:
        """Run Envoy as the supervisor would; return once it serves."""
        await self.spawn()
        await eventually(self.serves, _START_S)

    def has_ended(self) -> bool:
        """Whether Envoy was started and has ended by itself."""
        return self.envoy is not None and self.envoy.poll() is not None

    async def spawn(self) -> None:
        """Run Envoy as the supervisor would."""
        service = gateway_service(self.gateway, self.run)
        with self.log_file.open("ab") as log:
            self.envoy = await to_thread.run_sync(
                lambda: subprocess.Popen(service.command, cwd=self.run, stderr=log)
            )

    async def stop(self, *, kill: bool = False) -> None:
        """End Envoy and wait until it is gone."""
        if self.envoy is not None:
            if kill:
                for each in self.processes():
                    with suppress(psutil.NoSuchProcess):
                        each.kill()  # the shell goes on until it is gone
            self.envoy.terminate()
            await to_thread.run_sync(self.envoy.wait, _STOP_S)
            self.envoy = None

    def serves(self) -> bool:
        """Whether it takes connections."""
        assert not self.has_ended(), self.log_file.read_text()
        assert isinstance(self.gateway.port, int)
        return not is_free(self.gateway.port)


def replica(name: str, index: int, port: int) -> Replica:
    """One that runs."""
    return Replica(name, index, State.RUNNING, pid=1, port=port, since=now(), restarts=0, reason="")


def _status(name: str, ports: Sequence[int]) -> ServiceStatus:
    replicas = tuple(replica(name, index, port) for index, port in enumerate(ports))
    return ServiceStatus(name, _SPEC, replicas)


def suite_of(*routes: Mapping[str, Any], **gateway: Any) -> Suite:
    """A suite whose gateway has these routes, on a free port; `web` has two replicas."""
    names = {name for route in routes for name in Route.model_validate(route).services} | {"none"}
    return Suite.model_validate(
        {
            "suite": "test",
            "services": {
                name: {"command": "true", "port": "auto", "replicas": 2 if name == "web" else 1}
                for name in names
            },
            "gateway": {"port": PORTS.take("gateway"), "routes": routes, **gateway},
        }
    )


@asynccontextmanager
async def door(
    folder: Path,
    suite: Suite,
    services: Mapping[str, Sequence[int]],
    *,
    follow: bool = True,
    known: Mapping[str, Any] = {},
) -> AsyncIterator[Door]:
    """A gateway that serves, and follows what moves; it is gone afterwards."""
    made = Door(folder, suite, services)
    made.known |= known
    await made.controller.prepare()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(made.stop, kill=True)
        await made.start()
        group = await stack.enter_async_context(create_task_group())
        stack.callback(group.cancel_scope.cancel)
        if follow:
            await group.start(made.controller.run)
        yield made


@asynccontextmanager
async def shop(
    folder: Path, *routes: Mapping[str, Any], **keys: Any
) -> AsyncIterator[tuple[Door, httpx.AsyncClient, Upstream]]:
    """A gateway with open routes to one service, `web`."""
    given = [_to_web(route) for route in routes]
    async with (
        upstream("web") as web,
        door(folder, suite_of(*given, **keys), {"web": [web.port]}) as made,
        client(made) as http,
    ):
        yield made, http, web


def _to_web(route: Mapping[str, Any]) -> dict[str, Any]:
    ways = {"service", "split", "redirect", "answer"}
    target = {} if ways & route.keys() else {"service": "web"}
    return {"auth_required": False, **target, **route}


def client(made: Door) -> httpx.AsyncClient:
    """A client of the gateway that follows no redirect and keeps paths as they are."""
    return httpx.AsyncClient(base_url=made.url, timeout=30, trust_env=False)
