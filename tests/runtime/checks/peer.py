"""Servers that say exactly what a test wants, and a system that refuses."""

import os
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

from anyio import (
    BrokenResourceError,
    EndOfStream,
    create_task_group,
    create_tcp_listener,
    fail_after,
)
from anyio.abc import SocketAttribute, SocketStream

Talk = Callable[[SocketStream], Awaitable[None]]


@dataclass
class Peer:
    """A listening server."""

    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    """What `answering` received, a request each."""
    gone: int = 0
    """Connections that have ended."""


@asynccontextmanager
async def serving(talk: Talk) -> AsyncIterator[Peer]:
    """Each connection is `talk`ed to and then closed."""
    peer = Peer()

    async def handle(stream: SocketStream) -> None:
        peer.connections += 1
        async with stream:
            with suppress(BrokenResourceError, EndOfStream):
                await talk(stream)
        peer.gone += 1

    listener = await create_tcp_listener(local_host="127.0.0.1")
    peer.port = listener.extra(SocketAttribute.local_port)  # noqa: S610 — not Django's `extra`
    async with listener, create_task_group() as group:
        group.start_soon(listener.serve, handle)
        with fail_after(60):
            yield peer
        group.cancel_scope.cancel()


@asynccontextmanager
async def answering(*parts: bytes, times: int = 1) -> AsyncIterator[Peer]:
    """Answers `times` requests a connection with these parts, each sent by itself."""
    peer_box: list[Peer] = []

    async def talk(stream: SocketStream) -> None:
        for _ in range(times):
            peer_box[0].requests.append(await stream.receive())
            for part in parts:
                await stream.send(part)

    async with serving(talk) as peer:
        peer_box.append(peer)
        yield peer


def closed_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@contextmanager
def no_more_files() -> Iterator[None]:
    """This process cannot open any for the moment."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
