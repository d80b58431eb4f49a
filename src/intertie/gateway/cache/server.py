"""The process: listens, forwards, keeps, and reads its configuration again when that changes."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Final

from anyio import TASK_STATUS_IGNORED, create_task_group, open_signal_receiver, sleep
from anyio import Path as AsyncPath
from anyio.abc import TaskGroup, TaskStatus

from intertie.errors import GatewayError
from intertie.gateway.cache.admin import Desk
from intertie.gateway.cache.door import Door, Handler
from intertie.gateway.cache.engine import Engine
from intertie.gateway.cache.origin import Origin
from intertie.gateway.cache.settings import Settings, read

log = logging.getLogger(__name__)

_SWEEP_S: Final = 5.0
_LOOK_S: Final = 0.3
"""Between two looks at the configuration."""
_OWNER_ONLY: Final = 0o177
_BACKLOG: Final = 1024

_Version = tuple[int, int, int]


async def serve(path: Path, *, task_status: TaskStatus[Engine] = TASK_STATUS_IGNORED) -> None:
    """Until cancelled. Raises GatewayError when it cannot begin."""
    seen = await _version(path)
    config = read(path)
    addresses = [config.listen] + ([config.admin] if config.admin else [])
    with ExitStack() as stack:
        sockets = [stack.enter_context(closing(_bind(each))) for each in addresses]
        async with create_task_group() as group:
            origin = Origin(config.origin, config.max_connections)
            engine = Engine(Settings.of(config), origin, group)
            doors: set[Door] = set()
            try:
                async with _listening(sockets, (engine, Desk(engine)), group, doors):
                    task_status.started(engine)
                    group.start_soon(_reload, path, engine, seen)
                    await _sweep(doors)
            finally:
                for door in list(doors):
                    door.close()
                origin.close()
                group.cancel_scope.cancel()


@asynccontextmanager
async def _listening(
    sockets: Sequence[socket.socket],
    handlers: Sequence[Handler],
    group: TaskGroup,
    doors: set[Door],
) -> AsyncIterator[None]:
    """Requests on the first socket go to the first handler."""
    loop = asyncio.get_running_loop()
    servers: list[asyncio.Server] = []
    try:
        for listener, handler in zip(sockets, handlers, strict=False):
            make = partial(Door, handler, group, doors)
            is_path = listener.family == socket.AF_UNIX
            start = loop.create_unix_server if is_path else loop.create_server
            servers.append(await start(make, sock=listener, backlog=_BACKLOG))
        yield
    finally:
        for server in servers:
            server.close()


def _bind(address: str) -> socket.socket:
    """A socket that only its owner may use, or a port. Raises GatewayError."""
    try:
        if not address.startswith("unix:"):
            host, _, port = address.rpartition(":")
            return socket.create_server((host, int(port)), backlog=_BACKLOG)
        place = Path(address.removeprefix("unix:"))
        place.unlink(missing_ok=True)
        made = socket.socket(socket.AF_UNIX)
        before = os.umask(_OWNER_ONLY)
        try:
            made.bind(str(place))
        except OSError:
            made.close()
            raise
        finally:
            os.umask(before)
    except OSError as exc:
        raise GatewayError(f"cannot start the cache on {address}: {exc}") from exc
    return made


async def _sweep(doors: set[Door]) -> None:
    """Clients that hold connections without asking anything."""
    while True:
        await sleep(_SWEEP_S)
        now = asyncio.get_running_loop().time()
        for door in list(doors):
            door.sweep(now)


async def _reload(path: Path, engine: Engine, seen: _Version | None) -> None:
    """Take the file as it is now; a faulty one changes nothing."""
    while True:
        await sleep(_LOOK_S)
        found = await _version(path)
        if found == seen:
            continue
        seen = found
        try:
            engine.change(Settings.of(read(path)))
        except GatewayError as exc:
            log.warning("configuration refused", extra={"why": str(exc)})
        else:
            log.info("configuration read again")


async def _version(path: Path) -> _Version | None:
    try:
        found = await AsyncPath(path).stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


async def until_stopped(path: Path) -> None:
    """Serve until SIGTERM or SIGINT."""
    async with create_task_group() as group:
        with open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            group.start_soon(serve, path)
            async for _ in signals:
                group.cancel_scope.cancel()
                return
