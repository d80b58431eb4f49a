"""HTTP with a process of this suite, over its Unix socket.

On aiohttp: the Unix streams of anyio, which httpx uses, answer a wait that was cancelled in the
same moment a second time, and the event loop logs the traceback.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    content: bytes

    @property
    def is_good(self) -> bool:
        """It is a 2xx."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def text(self) -> str:
        """As UTF-8; what is not is replaced."""
        return self.content.decode(errors="replace")


async def ask(
    socket: Path,
    path: str,
    *,
    method: str = "GET",
    query: Mapping[str, str] | None = None,
    body: object = None,
    timeout_s: float = 2.0,
) -> Answer:
    """One question and its answer; `body` is sent as JSON.

    Raises OSError where nobody answers in time.
    """
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        with short_path(socket.parent) as folder:
            connector = aiohttp.UnixConnector(str(folder / socket.name))
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.request(method, f"http://local{path}", params=query, json=body) as answer,
            ):
                return Answer(answer.status, await answer.read())
    except aiohttp.ClientError as exc:
        raise ConnectionError(str(exc) or type(exc).__name__) from exc


@contextmanager
def short_path(folder: Path) -> Iterator[Path]:
    """The folder under a name that fits: a socket's path has at most 107 bytes."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield Path(f"/proc/self/fd/{handle}") if os.path.isdir("/proc/self/fd") else folder
    finally:
        os.close(handle)
