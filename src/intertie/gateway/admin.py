"""Talks to a running Envoy through its admin socket."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from intertie.gateway.listener import ADMIN_SOCKET

_TIMEOUT_S = 2.0


class Admin:
    """The admin interface of the Envoy that runs in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def stats(self, pattern: str) -> Mapping[str, str] | None:
        """Counters, gauges and texts whose name matches a regular expression; None: no Envoy."""
        text = await self._ask("GET", "/stats", {"filter": pattern})
        if text is None:
            return None
        pairs = (line.partition(": ") for line in text.splitlines())
        return {name: value.strip('"') for name, _, value in pairs}

    async def stop_listening(self) -> None:
        """Take no new connection; those that are there go on. No Envoy is no fault."""
        await self._ask("POST", "/drain_listeners", {})

    async def _ask(self, method: str, path: str, query: Mapping[str, str]) -> str | None:
        try:
            with _short_path(self._folder) as folder:
                # No TLS here: without `verify=False` each client would first read all authorities.
                transport = httpx.AsyncHTTPTransport(uds=str(folder / ADMIN_SOCKET), verify=False)
                async with httpx.AsyncClient(transport=transport, timeout=_TIMEOUT_S) as client:
                    answer = await client.request(method, f"http://envoy{path}", params=dict(query))
        except (httpx.HTTPError, OSError):
            return None
        return answer.text


@contextmanager
def _short_path(folder: Path) -> Iterator[Path]:
    """The folder under a name that fits: a socket's path has at most 107 bytes."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/self/fd/{handle}") if os.path.isdir("/proc/self/fd") else folder
    finally:
        os.close(handle)
