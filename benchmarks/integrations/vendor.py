"""A vendor on loopback that answers as quickly as Python can: `python -m … PORT`."""

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import PIPE, Popen
from typing import cast

import uvloop

TRACK = {
    "id": "11dFghVXANMlKmJXsNCbNl",
    "name": "Cut To The Feeling",
    "uri": "spotify:track:11dFghVXANMlKmJXsNCbNl",
    "duration_ms": 207959,
    "artists": [{"id": "6sFIWsNpZYqfjUpaCgueju", "name": "Carly Rae Jepsen"}],
}
_BODY = json.dumps(TRACK).encode()
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_GOOD = _HEAD % len(_BODY) + _BODY
_DOWN = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


class Answer(asyncio.Protocol):
    """Each request gets the track; those below /down get 503."""

    def __init__(self) -> None:
        self._left = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._left += data
        while self._transport is not None and b"\r\n\r\n" in self._left:
            head, _, self._left = self._left.partition(b"\r\n\r\n")
            self._transport.write(_DOWN if b" /down" in head[:40] else _GOOD)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(Answer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def vendor() -> Iterator[str]:
    """Its address, for as long as the block runs."""
    with Popen([sys.executable, "-m", __name__], stdout=PIPE, text=True) as process:
        try:
            told = process.stdout.readline() if process.stdout else ""
            yield f"http://127.0.0.1:{told.strip()}"
        finally:
            process.kill()


if __name__ == "__main__":
    uvloop.run(_serve())
