"""Asks a running Envoy through its admin socket."""

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

    async def texts(self, pattern: str) -> Mapping[str, str] | None:
        """Text readouts whose name matches, such as the version of a resource; None: no Envoy."""
        answer = await self._stats({"type": "TextReadouts", "filter": pattern})
        return None if answer is None else {k: v.strip('"') for k, v in answer.items()}

    async def counters(self, pattern: str) -> Mapping[str, int] | None:
        """Counters whose name matches; None: no Envoy."""
        answer = await self._stats({"type": "Counters", "filter": pattern})
        return None if answer is None else {k: int(v) for k, v in answer.items()}

    async def _stats(self, query: Mapping[str, str]) -> Mapping[str, str] | None:
        try:
            with _short_path(self._folder) as folder:
                transport = httpx.AsyncHTTPTransport(uds=str(folder / ADMIN_SOCKET))
                async with httpx.AsyncClient(transport=transport, timeout=_TIMEOUT_S) as client:
                    answer = await client.get("http://envoy/stats", params=dict(query))
        except (httpx.HTTPError, OSError):
            return None
        pairs = (line.split(": ", 1) for line in answer.text.splitlines() if ": " in line)
        return {name: value for name, value in pairs}  # noqa: C416 - the pairs are lists


@contextmanager
def _short_path(folder: Path) -> Iterator[Path]:
    """The folder under a name that fits: a socket's path has at most 107 bytes."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/self/fd/{handle}") if os.path.isdir("/proc/self/fd") else folder
    finally:
        os.close(handle)
