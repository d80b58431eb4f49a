"""Runs one service: its log, its socket, its end."""

import json
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime

import anyio
import uvicorn
from starlette.types import ASGIApp

from intertie.errors import IntertieError
from intertie_media.settings import Settings

log = logging.getLogger(__name__)

HOST = "127.0.0.1"  # only the gateway and the other services may come
# Longer than the gateway keeps an idle connection, so that it never sends on one just closed.
KEEP_ALIVE_S = 3660
GRACE_S = 8
BACKLOG = 1024
EXIT_FAILED = 1

_KNOWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and the fields given as `extra`."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        """See logging.Formatter."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _KNOWN}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def start(service: str, main: Callable[[Settings], Awaitable[None]]) -> None:
    """Run `main` until it ends; a fault of the settings or the start is one line and exit 1."""
    _log_to_stdout(service)
    try:
        settings = Settings.read(service, os.environ)
        anyio.run(main, settings, backend_options={"use_uvloop": True})
    except (IntertieError, BaseExceptionGroup) as exc:
        faults, others = _sort(exc)
        if others:
            raise
        for fault in faults:
            log.error("cannot run", extra={"error": str(fault)})
        sys.exit(EXIT_FAILED)


async def serve(
    app: ASGIApp, settings: Settings, *, on_stop: Callable[[], None] | None = None
) -> None:
    """Answer requests until SIGTERM or SIGINT, then finish those under way, at most GRACE_S.

    `on_stop` is called first: answers without an end must end then.
    """
    async with running(app, settings) as server:
        log.info("listening", extra={"port": settings.port})
        with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                break
        if on_stop:
            on_stop()
        server.should_exit = True
    log.info("stopped")


class Server(uvicorn.Server):
    """uvicorn's, without its own signal handling: that would end the process before clean-up."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals alone."""
        yield


@asynccontextmanager
async def running(app: ASGIApp, settings: Settings) -> AsyncIterator[Server]:
    """A server that answers on the settings' port inside the block. Raises IntertieError."""
    listener = _bind(settings.port)
    server = Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,  # the gateway writes it
            lifespan="off",
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
    )
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve, [listener])
            try:
                yield server
            finally:
                server.should_exit = True
    finally:
        listener.close()


def _bind(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(BACKLOG)
    except OSError as exc:
        listener.close()
        raise IntertieError(f"cannot listen on {HOST}:{port}: {exc.strerror}") from exc
    return listener


def _log_to_stdout(service: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(service))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _sort(exc: BaseException) -> tuple[list[IntertieError], list[BaseException]]:
    """What can be told in a line, and what cannot."""
    if not isinstance(exc, BaseExceptionGroup):
        return ([exc], []) if isinstance(exc, IntertieError) else ([], [exc])
    parts = [_sort(each) for each in exc.exceptions]
    return [fault for some, _ in parts for fault in some], [o for _, some in parts for o in some]
