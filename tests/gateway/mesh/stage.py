"""Real sidecars, kept by the mesh's own controller, between real services."""

import json
import os
import random
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import psutil
from anyio import create_task_group, to_thread
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse

from intertie.api.listen import bind
from intertie.api.server import ApiServer
from intertie.event import ServiceStarted
from intertie.gateway import xds
from intertie.gateway.mesh import http
from intertie.gateway.mesh.certificates import Certificates
from intertie.gateway.mesh.controller import MeshController, domain_of
from intertie.gateway.mesh.envoy import bootstrap, through
from intertie.gateway.mesh.layout import Layout
from intertie.gateway.mesh.sidecar import sidecar_service
from intertie.identity.authority import Authority, Credential
from intertie.plan import Replica, ServiceStatus, Snapshot, State
from intertie.runtime.engines import envoy_path
from intertie.runtime.hub import EventHub
from intertie.runtime.ports import is_free
from intertie.suite.mesh import Mesh
from intertie.suite.model import Suite
from intertie.suite.service import Service
from tests.gateway.ports import PORTS
from tests.waiting import eventually

SPEC = Service(command=("true",), port="auto")
_START_S = 60
_STOP_S = 60


def suite_of(services: Mapping[str, Mapping[str, Any]], **more: Any) -> Suite:
    """Services with a port unless they say otherwise."""
    plain = {"command": "true", "port": "auto"}
    return Suite.model_validate(
        {
            "suite": "shop",
            "services": {name: {**plain, **s} for name, s in services.items()},
            **more,
        }
    )


class Clock:
    """The time of day, put forward by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        """As it would be."""
        return datetime.now(UTC) + self.ahead


@dataclass
class Town:
    """A mesh, and where its services listen."""

    folder: Path
    suite: Suite
    mesh: Mesh = field(default_factory=Mesh)
    clock: Clock = field(default_factory=Clock)
    ports: dict[str, tuple[int, ...]] = field(default_factory=dict)
    sidecars: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.hub = EventHub("test", now=self.clock)
        self.home = self.folder / "mesh"
        self.layout = Layout.open(self.home, PORTS)
        self.authority = Authority.open(self.folder / "keys", self.suite.suite, now=self.clock)
        self.certificates = Certificates(
            self.authority,
            lifetime_s=self.mesh.certificate_lifetime,
            now=self.clock,
            rng=random.Random(0),  # noqa: S311 — not a secret
        )
        self.controller = MeshController(
            domain_of(self.suite, self.mesh, self.layout),
            self.home,
            hub=self.hub,
            snapshot=self.snapshot,
            certificates=self.certificates,
            gateway=self.folder / "gateway",
        )

    def snapshot(self) -> Snapshot:
        """As the supervisor would tell it."""
        return Snapshot({name: _status(name, ports) for name, ports in self.ports.items()})

    def tell(self) -> None:
        """Something has moved, or it is time to look at the clock."""
        told = ServiceStarted(service="any", replica=0, pid=1, port=1, took_s=0.1)
        self.hub.publish(told, "any")

    def inbound(self, name: str) -> int:
        """Where others reach the service's sidecar."""
        return self.controller.domain.doors[name].inbound

    def url(self, caller: str, target: str) -> str:
        """What `caller` is given as the address of `target`."""
        return f"http://127.0.0.1:{self.controller.domain.doors[caller].egress[target]}"

    def names_url(self, caller: str) -> str:
        """What `caller` is given as the address of everybody."""
        return f"http://127.0.0.1:{self.controller.domain.doors[caller].names}"

    def spawn(self, name: str) -> None:
        """Run a sidecar as the supervisor would."""
        folder = self.home / name
        service = sidecar_service(folder, self.controller.domain.doors[name])
        with self.log_file(name).open("ab") as log:
            self.sidecars[name] = subprocess.Popen(
                service.command, cwd=folder, stdout=log, stderr=log
            )

    async def start(self, name: str) -> None:
        """Run a sidecar; return once it serves."""
        await to_thread.run_sync(self.spawn, name)
        await eventually(lambda: self.serves(name), _START_S)

    async def kill(self, name: str) -> None:
        """End a sidecar at once, its shell and all."""
        process = self.sidecars.pop(name)
        for each in psutil.Process(process.pid).children():
            each.kill()
        process.kill()
        await to_thread.run_sync(process.wait, _STOP_S)
        doors = self.controller.domain.doors[name]
        await eventually(lambda: is_free(doors.inbound) and is_free(doors.names), _STOP_S)

    def log_file(self, name: str) -> Path:
        """What the sidecar says."""
        return self.folder / f"{name}.log"

    def refused(self, name: str) -> list[dict[str, Any]]:
        """Calls that a sidecar has refused, as its log has them; a line half written is none."""
        whole, _, _ = self.log_file(name).read_text().rpartition("\n")
        return [json.loads(line) for line in whole.splitlines() if line.startswith("{")]

    def files(self, name: str, credential: Credential | None = None) -> tuple[Path, Path]:
        """A certificate and its key for a client of the test's own."""
        found = credential or self.certificates.current(name)
        cert, key = self.folder / f"{name}.crt", self.folder / f"{name}.key"
        cert.write_text(found.chain)
        key.write_text(found.key)
        return cert, key

    def serves(self, name: str) -> bool:
        """Whether the sidecar takes connections, at each of its doors."""
        assert self.sidecars[name].poll() is None, self.log_file(name).read_text()
        doors = self.controller.domain.doors[name]
        return not any(map(is_free, (doors.inbound, doors.names, *doors.egress.values())))


@asynccontextmanager
async def town(
    folder: Path,
    suite: Suite,
    ports: Mapping[str, tuple[int, ...]],
    *,
    mesh: Mesh | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Town]:
    """A mesh whose sidecars all run; it is gone afterwards."""
    made = Town(folder, suite, mesh or Mesh(), clock or Clock(), dict(ports))
    await made.controller.prepare()
    async with AsyncExitStack() as stack:
        for name in made.controller.domain.members:
            await to_thread.run_sync(made.spawn, name)
            stack.push_async_callback(_end, made, name)
        members = made.controller.domain.members
        await eventually(lambda: all(map(made.serves, members)), _START_S)
        group = await stack.enter_async_context(create_task_group())
        stack.callback(group.cancel_scope.cancel)
        await group.start(made.controller.run)
        yield made


async def _end(made: Town, name: str) -> None:
    if name in made.sidecars:
        await made.kill(name)


async def _answer(request: Request) -> JSONResponse:
    body = await request.body()
    return JSONResponse(
        {
            "pid": os.getpid(),
            "path": request.url.path,
            "headers": dict(request.headers),
            "size_bytes": len(body),
        }
    )


async def _chat(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(f"echo {text}")


@asynccontextmanager
async def service() -> AsyncIterator[int]:
    """A service that tells what it was asked; the port it listens on."""
    listener = bind("127.0.0.1", 0)
    app = FastAPI(openapi_url=None)
    app.add_api_websocket_route("/chat", _chat)
    app.add_api_route("/{path:path}", _answer, methods=["GET", "POST"])
    async with create_task_group() as group:
        await group.start(ApiServer(app, listener).run)
        yield listener.getsockname()[1]
        group.cancel_scope.cancel()


@asynccontextmanager
async def gateway(made: Town) -> AsyncIterator[str]:
    """An Envoy with a route `/<service>` to each service, and the gateway's identity; its URL."""
    folder, port = made.folder / "gateway", PORTS.take("gateway")
    names = sorted(made.suite.services)
    plain = xds.Resources(
        clusters=tuple(http.app_cluster(name) for name in names),
        endpoints=tuple(http.assignment(name, ()) for name in names),
        filters=(),
        routes=(),
    )
    found = through(plain, made.controller.domain)
    for kind, each in [("xds/cds", found.clusters), *(_eds(e) for e in found.endpoints)]:
        (folder / kind).parent.mkdir(exist_ok=True)
        (folder / f"{kind}.json").write_text(json.dumps({"resources": each}))
    host = http.host("*", {})
    host["routes"] = [{"match": {"prefix": f"/{name}"}, **http.to(name)} for name in names]
    # Clusters come from a file, after the listener.
    table = {"name": "all", "virtual_hosts": [host], "validate_clusters": False}
    routes = {"route_config": table}
    listener = http.listener("gateway", port, [http.manager("gateway", routes)])
    started = bootstrap("gateway") | {
        "dynamic_resources": {"cds_config": xds.file_source("cds")},
        "static_resources": {"listeners": [{k: listener[k] for k in listener if k != "@type"}]},
    }
    (folder / "bootstrap.json").write_text(json.dumps(started))
    async with envoy(folder, port):
        yield f"http://127.0.0.1:{port}"


@asynccontextmanager
async def envoy(folder: Path, port: int) -> AsyncIterator[None]:
    """An Envoy that runs in `folder`, once it listens on `port`."""
    command = [str(envoy_path()), "--config-path", "bootstrap.json", "--use-dynamic-base-id"]

    def spawn() -> subprocess.Popen[bytes]:
        with (folder / "log").open("wb") as log:
            return subprocess.Popen([*command, "--concurrency", "1"], cwd=folder, stderr=log)

    process = await to_thread.run_sync(spawn)
    try:
        await eventually(lambda: process.poll() is not None or not is_free(port), _START_S)
        assert process.poll() is None, (folder / "log").read_text()
        yield
    finally:
        process.kill()
        process.wait(_STOP_S)


def _eds(assignment: xds.Json) -> tuple[str, list[xds.Json]]:
    return f"eds/{assignment['cluster_name']}", [assignment]


@dataclass
class Load:
    """Calls without an end, each over a new connection, and what became of them."""

    done: int = 0
    failed: list[object] = field(default_factory=list[object])
    over: bool = False

    async def call(self, url: str) -> None:
        """Again and again, until it is over."""
        async with client() as http:
            while not self.over:
                try:
                    answer = await http.get(url, headers={"connection": "close"})
                except httpx.HTTPError as exc:
                    self.failed.append(exc)
                    continue
                self.done += 1
                if answer.status_code != HTTPStatus.OK:
                    self.failed.append(answer.text)

    async def more(self, count: int = 1) -> None:
        """Return once so many more calls are done."""
        wanted = self.done + count
        await eventually(lambda: self.done >= wanted, 60)


def client() -> httpx.AsyncClient:
    """Plain HTTP, as services speak it."""
    return httpx.AsyncClient(timeout=30, trust_env=False)


def handshake(port: int, context: ssl.SSLContext, name: str = "any.mesh") -> bytes:
    """The server's certificate (DER), once it has had its say. Raises OSError when it refuses."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=name) as made,
    ):
        # In TLS 1.3 a server judges the client's certificate after the client has finished.
        made.sendall(b"GET /who HTTP/1.1\r\nHost: any\r\nConnection: close\r\n\r\n")
        if not made.recv(1):
            raise ConnectionResetError
        shown = made.getpeercert(binary_form=True)
    assert shown is not None
    return shown


def _status(name: str, ports: tuple[int, ...]) -> ServiceStatus:
    replicas = tuple(
        Replica(name, index, State.RUNNING, 1, port, datetime.now(UTC), restarts=0, reason="")
        for index, port in enumerate(ports)
    )
    return ServiceStatus(name, SPEC, replicas)
