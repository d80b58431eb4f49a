"""Runs a service as a program: its socket, its signals, its end."""

import logging
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import NoReturn

import anyio
import uvicorn
from anyio.abc import TaskGroup, TaskStatus
from starlette.types import ASGIApp

from intertie.errors import IntertieError
from intertie.http_head import BoundedHttp
from intertie.service.life import Life

log = logging.getLogger(__name__)

DEFAULT_PORT = 8000
"""Without a suite."""
HOST = "127.0.0.1"  # only the gateway and the other services may come
# Longer than the gateway keeps an idle connection, so that it never sends on one just closed.
KEEP_ALIVE_S = 3660
BACKLOG = 1024
MOST_CONNECTIONS = 4096
EXIT_FAILED = 1

_CUT_S = 1
"""For answers that were under way when the time to drain was up."""


class Server(uvicorn.Server):
    """uvicorn's, without its own signal handling: a stop first drains what is under way."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals alone."""
        yield


def run(app: ASGIApp | None, life: Life, *, port: int | None, until_stopped: bool) -> None:
    """Serve, or only work, until a signal; then drain, and return. A failure is exit code 1.

    `until_stopped` says that there is something to wait for when all workers have ended.
    """
    life.owns_signals = True
    uvloop = find_spec("uvloop") is not None
    try:
        anyio.run(_main, app, life, port, until_stopped, backend_options={"use_uvloop": uvloop})
    except (IntertieError, BaseExceptionGroup) as exc:
        _give_up(exc)
    if life.failed:
        sys.exit(EXIT_FAILED)


async def _main(app: ASGIApp | None, life: Life, port: int | None, until_stopped: bool) -> None:
    async with anyio.create_task_group() as group:
        # Before anything else: a stop during the start is a stop, too.
        await group.start(_signals, life)
        group.start_soon(_stop_when_workless, life, until_stopped)
        if app is None or port is None:
            await _work(life)
        else:
            await _serve(app, life, port, group)
        group.cancel_scope.cancel()


async def _work(life: Life) -> None:
    """Without a port."""
    async with life:
        await life.begin()
        await life.drain.began.wait()
        await life.end()


async def _serve(app: ASGIApp, life: Life, port: int, group: TaskGroup) -> None:
    listener = _bind(port)
    server = Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="on",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=_CUT_S,
            limit_concurrency=MOST_CONNECTIONS,
            http=BoundedHttp,
        )
    )

    async def stop() -> None:
        await life.drain.began.wait()
        await life.drained()
        server.should_exit = True

    group.start_soon(stop)
    try:
        await server.serve([listener])
    except SystemExit:
        life.failed = True  # the application did not start, and the log says why
    finally:
        listener.close()


async def _stop_when_workless(life: Life, until_stopped: bool) -> None:
    await life.workless.wait()
    if life.failed or not until_stopped:
        life.stop()


async def _signals(life: Life, *, task_status: TaskStatus[None]) -> None:
    """The first one drains; the second one ends the process at once."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            if life.drain.stopping:
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)
            log.info("stopping", extra={"signal": number.name})
            life.stop()


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


def _give_up(exc: BaseException) -> NoReturn:
    """One line for each thing that can be told in a line; the rest goes on up."""
    group = exc if isinstance(exc, BaseExceptionGroup) else BaseExceptionGroup("", [exc])
    told, others = group.split(IntertieError)
    if others:
        raise exc
    for fault in _leaves(told):
        log.error("cannot run", extra={"error": str(fault)})
    sys.exit(EXIT_FAILED)


def _leaves(exc: BaseException | None) -> list[BaseException]:
    if isinstance(exc, BaseExceptionGroup):
        return [leaf for each in exc.exceptions for leaf in _leaves(each)]
    return [exc] if exc else []
