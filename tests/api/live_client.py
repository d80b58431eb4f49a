"""A client of the API's WebSockets, made of another implementation of the protocol."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from anyio import fail_after
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.harness import Bench

Loose = dict[str, Any]  # Any: a message is looked into at many depths
_WAIT_S = 60.0


def url(bench: Bench, path: str) -> str:
    """Of a socket of the daemon's API."""
    found: str = bench.daemon()["api_url"].replace("http", "ws", 1) + path
    return found


class LiveClient:
    """JSON messages, each within a time."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, **message: Any) -> None:
        """Send one."""
        await self.socket.send(json.dumps(message))

    async def hear(self) -> Loose:
        """The next one."""
        with fail_after(_WAIT_S):
            found: Loose = json.loads(await self.socket.recv())
        return found

    async def hear_until(self, **wanted: Any) -> list[Loose]:
        """All up to the first that has these fields."""
        heard: list[Loose] = []
        while not heard or any(heard[-1].get(name) != value for name, value in wanted.items()):
            heard.append(await self.hear())
        return heard

    async def end(self) -> tuple[int, str]:
        """Code and reason with which the other side closes; what it says before is passed over."""
        with fail_after(_WAIT_S):
            with suppress(ConnectionClosed):
                while True:
                    await self.socket.recv()
        return self.socket.close_code or 0, self.socket.close_reason or ""


@asynccontextmanager
async def live(address: str, **options: Any) -> AsyncIterator[LiveClient]:
    """A connection; `options` are those of `websockets`."""
    async with connect(address, proxy=None, open_timeout=_WAIT_S, **options) as socket:
        yield LiveClient(socket)
