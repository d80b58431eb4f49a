"""A running cache in front of an origin that a test writes, over real sockets."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from anyio import create_task_group, fail_after

from intertie.gateway.cache.client import CacheClient
from intertie.gateway.cache.engine import Engine
from intertie.gateway.cache.server import serve
from tests.waiting import eventually


@dataclass
class Asked:
    """A request as the origin got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


@dataclass
class Told:
    """What it answers."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"content"
    chunked: bool = False
    cut_after: int | None = None
    """Bytes of the body before the connection is closed."""
    before: bytes = b""
    """Sent before the head: a 1xx."""
    gate: asyncio.Event | None = None
    """Waited for between the head with the first half of the body, and the rest."""


Answers = Callable[[Asked], Told | Awaitable[Told]]


class Origin:
    """Answers as the test says, and remembers what it was asked."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.asked: list[Asked] = []

    def paths(self) -> list[str]:
        """Of all requests so far."""
        return [each.path for each in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        while True:
            asked = await _read(reader)
            self.asked.append(asked)
            answer = self.answers(asked)
            told = answer if isinstance(answer, Told) else await answer
            if not await _write(writer, told, asked):
                break


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")[:-2]
    method, path, _ = first.split(" ")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        key = name.lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    body = b""
    if "content-length" in headers:
        body = await reader.readexactly(int(headers["content-length"]))
    elif "transfer-encoding" in headers:
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
    return Asked(method, path, headers, body)


async def _write(writer: asyncio.StreamWriter, told: Told, asked: Asked) -> bool:
    """False where the connection ends."""
    lines = [
        f"HTTP/1.1 {told.status} Any",
        *(f"{key}: {each}" for key, each in told.headers.items()),
    ]
    no_body = asked.method == "HEAD" or told.status in {204, 304}
    if told.chunked:
        lines.append("transfer-encoding: chunked")
    elif told.status != 304 and "content-length" not in {key.lower() for key in told.headers}:
        lines.append(f"content-length: {len(told.body)}")
    writer.write(told.before + "\r\n".join([*lines, "", ""]).encode("latin-1"))
    if no_body:
        return True
    body = told.body if told.cut_after is None else told.body[: told.cut_after]
    half = len(body) // 2
    for part in (body[:half], body[half:]):
        if part:
            writer.write(b"%x\r\n%b\r\n" % (len(part), part) if told.chunked else part)
            await writer.drain()
        if told.gate is not None:
            await told.gate.wait()
    if told.cut_after is not None:
        return False
    if told.chunked:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
    return True


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[int]:
    """A server on a free port, of which nothing is left afterwards; the port."""
    open_ones: set[asyncio.StreamWriter] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ones.add(writer)
        try:
            await serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            open_ones.discard(writer)

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()
        for writer in open_ones:
            writer.transport.abort()
        await eventually(lambda: not open_ones)


ROUTE = {"x-intertie-cache": "r"}


@dataclass
class Stage:
    """All of it."""

    origin: Origin
    engine: Engine
    client: httpx.AsyncClient
    admin: CacheClient
    config: Path
    socket: Path

    @asynccontextmanager
    async def asked(self, path: str = "/a") -> AsyncIterator[None]:
        """Ask by a connection of its own, and go away at the end of the block.

        To cancel httpx in the midst of it may fail in anyio, which answers its wait twice.
        """
        _, writer = await asyncio.open_unix_connection(self.socket)
        head = "".join(f"{name}: {value}\r\n" for name, value in {"host": "host", **ROUTE}.items())
        writer.write(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        try:
            yield
        finally:
            writer.close()
            await writer.wait_closed()

    async def get(self, path: str = "/a", **headers: str) -> httpx.Response:
        """With `_` in names for `-`."""
        return await self.ask("GET", path, **headers)

    async def ask(self, method: str, path: str = "/a", **headers: str) -> httpx.Response:
        """Any method."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return await self.client.request(method, path, headers=named)


@asynccontextmanager
async def stage(
    folder: Path, answers: Answers, *, route: Mapping[str, Any] | None = None, **config: Any
) -> AsyncIterator[Stage]:
    """A cache on free ports; `route` is the configuration of the route `r`."""
    origin = Origin(answers)
    sock = folder / "c.sock"
    path = folder / "config.json"
    async with listening(origin.serve) as port:
        told = {
            "listen": f"unix:{sock}",
            "admin": f"unix:{folder / 'a.sock'}",
            "origin": f"http://127.0.0.1:{port}",
            "routes": {"r": route or {}},
            **config,
        }
        path.write_text(json.dumps(told))
        async with create_task_group() as group:
            with fail_after(60):
                engine: Engine = await group.start(serve, path)
            limits = httpx.Limits(max_connections=200)
            transport = httpx.AsyncHTTPTransport(uds=str(sock), limits=limits)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://host", headers=ROUTE, timeout=60
            ) as client:
                yield Stage(origin, engine, client, CacheClient(folder / "a.sock"), path, sock)
            group.cancel_scope.cancel()


def status(answer: httpx.Response) -> str:
    """Cache-Status."""
    return answer.headers["cache-status"]


def is_hit(answer: httpx.Response) -> bool:
    """Whether the origin was not asked."""
    return "; hit" in status(answer)
