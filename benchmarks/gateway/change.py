"""Changes while requests come: how many fail, and how long until a change is live.

50 times a route comes or goes, and 50 times a service of two replicas is restarted one after the
other, as `intertie restart` does it, under wrk; then one route of 1,000 changes again and again.
"""

import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import anyio
from anyio import to_thread

from benchmarks.gateway import ours, peers
from benchmarks.gateway.load import CONNECTIONS, REST_CORE, found, wrk
from intertie.gateway.controller import GatewayController
from intertie.plan import Replica, ServiceStatus, Snapshot, State
from intertie.runtime.ports import Ports, is_free
from intertie.suite.model import Suite

ROUTES = 1000
SERVICES = 20
_LONGEST_S = 600


@dataclass(frozen=True, slots=True)
class Lost:
    """What became of the requests during changes."""

    changes: int
    requests: int
    failed: int


@dataclass
class Replicas:
    """Of the service, as the supervisor would tell it."""

    suite: Suite
    running: list[Replica] = field(default_factory=list)

    def snapshot(self) -> Snapshot:
        """At this moment."""
        spec = self.suite.services["service"]
        return Snapshot({"service": ServiceStatus("service", spec, tuple(self.running))})


def under_load(folder: Path, changes: int) -> tuple[Lost, Lost]:
    """Of changes of routes, and of restarts of the service."""
    return anyio.run(_under_load, folder, changes)


async def _under_load(folder: Path, changes: int) -> tuple[Lost, Lost]:
    port = Ports().take("gateway")
    suite = ours.suite_of(ours.open_route(), port)
    known = Replicas(suite)
    controller = ours.controller_of(suite, folder / "gateway", known.snapshot)
    with ExitStack() as stack:
        servers = [stack.enter_context(_server(folder / f"first{n}")) for n in range(2)]
        known.running = [_replica(index, server.port) for index, server in enumerate(servers)]
        await controller.prepare()
        stack.enter_context(ours.envoy(suite, folder / "gateway"))
        async with _load(port) as told:
            await _change_routes(controller, port, changes)
        routes = _lost(changes, told)
        async with _load(port) as told:
            await _restart(controller, known, servers, _Restarts(folder, stack, changes))
        return routes, _lost(changes, told)


async def _change_routes(controller: GatewayController, port: int, changes: int) -> None:
    for number in range(changes):
        made = ours.open_route()
        if number % 2 == 0:
            made["routes"].append({"path": f"/more{number}", "service": "service"})
        await controller.set_suite(ours.suite_of(made, port))


@dataclass(frozen=True, slots=True)
class _Server:
    port: int
    process: subprocess.Popen[bytes]

    def stop(self) -> None:
        """Answer what was asked, then end."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(10)


@dataclass(frozen=True, slots=True)
class _Restarts:
    folder: Path
    stack: ExitStack
    count: int


async def _restart(
    controller: GatewayController, known: Replicas, servers: list[_Server], wanted: _Restarts
) -> None:
    """Start the next one, tell of it, drain the old one, stop it."""
    for number in range(wanted.count):
        index = number % len(servers)
        old, leaving = servers[index], known.running[index]
        fresh = wanted.stack.enter_context(_server(wanted.folder / f"next{number}"))
        servers[index] = fresh
        known.running[index] = _replica(index, fresh.port)
        known.running.append(replace(leaving, index=9, draining=True))
        await controller.drained(known.running[-1])
        known.running.pop()
        await to_thread.run_sync(old.stop)


@contextmanager
def _server(folder: Path) -> Iterator[_Server]:
    port = Ports().take("service")
    http = f'server {{ listen 127.0.0.1:{port}; location / {{ return 200 "{peers.BODY}"; }} }}'
    command = peers.nginx_command(folder, http)
    process = subprocess.Popen(["taskset", "--cpu-list", REST_CORE, *command])
    try:
        deadline = perf_counter() + 10
        while is_free(port):
            if process.poll() is not None or perf_counter() > deadline:
                raise RuntimeError("cannot measure: the service did not start")
        yield _Server(port, process)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(10)


def _replica(index: int, port: int) -> Replica:
    return Replica(
        "service", index, State.RUNNING, pid=1, port=port, since=ours.now(), restarts=0, reason=""
    )


@asynccontextmanager
async def _load(port: int) -> AsyncIterator[list[str]]:
    """Requests as fast as they are answered, until the block ends; then what wrk says."""
    url = f"http://127.0.0.1:{port}/open"
    words = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{_LONGEST_S}s", url]
    command = ["taskset", "--cpu-list", REST_CORE, *words]
    process = await to_thread.run_sync(
        lambda: subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    )
    told: list[str] = []
    try:
        yield told
    finally:
        process.send_signal(signal.SIGINT)
        text, _ = await to_thread.run_sync(process.communicate)
        told.append(text)


def _lost(changes: int, told: Sequence[str]) -> Lost:
    text = told[0]
    failed = 0
    if "Socket errors" in text:
        line = found(r"Socket errors: (.*)", text)
        failed += sum(int(part.split()[-1]) for part in line.split(","))
    if "Non-2xx" in text:
        failed += int(found(r"Non-2xx or 3xx responses: (\d+)", text))
    return Lost(changes, int(found(r"(\d+) requests in", text)), failed)


def to_live(folder: Path, changes: int) -> Sequence[float]:
    """Milliseconds from each change of one of 1,000 routes to Envoy's acknowledgement."""
    return anyio.run(_to_live, folder, changes)


async def _to_live(folder: Path, changes: int) -> Sequence[float]:
    port = Ports().take("gateway")
    suite = ours.suite_of(many_routes(), port)
    ports: Mapping[str, Sequence[int]] = dict.fromkeys(suite.services, (9,))
    controller = ours.controller_of(suite, folder, lambda: ours.snapshot(suite, ports))
    await controller.prepare()
    took: list[float] = []
    with ours.envoy(suite, folder):
        for number in range(changes):
            changed = many_routes()
            changed["routes"][number]["timeout"] = f"{number + 1}s"
            new = ours.suite_of(changed, port)
            began = perf_counter()
            await controller.set_suite(new)
            took.append((perf_counter() - began) * 1000)
    return took


def many_routes() -> dict[str, Any]:
    """1,000 open routes to 20 services, equally long."""
    routes = [
        {"path": f"/r{n:04d}", "service": f"service{n % SERVICES}", "auth_required": False}
        for n in range(ROUTES)
    ]
    return {"routes": routes}


def first_and_last(folder: Path, *, rounds: int, seconds: float) -> tuple[float, float]:
    """Median requests a second of the route that is looked at first, and of the last one."""
    folder.mkdir()
    with ExitStack() as stack:
        service = stack.enter_context(peers.service(folder / "service"))
        proxy = stack.enter_context(ours.gateway(folder / "many", many_routes(), service))
        seen: dict[str, list[float]] = {"/r0000": [], f"/r{ROUTES - 1:04d}": []}
        for _ in range(rounds):
            for path, each in seen.items():
                each.append(wrk(proxy, path, seconds=seconds)["cpu_us"])
    first, last = (sorted(each)[len(each) // 2] for each in seen.values())
    return first, last
