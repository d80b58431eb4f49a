"""Health checks: each is a coroutine that gives None when healthy, else the reason.

Plain sockets, because hundreds of services are asked every second: a tenth of the cost of a
general client, which would do nothing more for one GET on the loopback.
"""

import os
import re
import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from anyio import CancelScope, wait_readable, wait_writable

from intertie.drivers import Driver, Launch
from intertie.errors import DriverError
from intertie.suite.model import Healthcheck

Check = Callable[[], Awaitable[str | None]]

_MOST_READ = 64 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r?\n")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,18})", re.IGNORECASE)
_NULL = Path("/dev/null")


def make_check(spec: Healthcheck, port: int | None, *, driver: Driver, launch: Launch) -> Check:
    """The check that `spec` declares, for a replica started from `launch`."""
    if spec.test:
        return lambda: command(driver, _check_launch(launch, spec.test or ()))
    if port is None:
        raise ValueError("a http or tcp check needs a port")
    if spec.http:
        return lambda: http(port, spec.http or "/")
    return lambda: tcp(port)


async def tcp(port: int) -> str | None:
    """Whether the port accepts connections."""
    with socket.socket() as stream:
        return await _connect(stream, port)


async def http(port: int, path: str) -> str | None:
    """Whether GET is answered with 2xx. At most 64 KiB of the answer are read."""
    with socket.socket() as stream:
        refusal = await _connect(stream, port)
        if refusal:
            return refusal
        try:
            stream.send(_request(port, path))
            answer = await _answer(stream)
        except OSError as exc:
            return f"GET {path}: {exc.strerror}"
    status = _STATUS.match(answer)
    if status is None:
        return f"GET {path}: the answer is not HTTP/1.1" if answer else f"GET {path}: no answer"
    code = status[1].decode()
    return None if code.startswith("2") else f"GET {path}: answered {code}"


async def command(driver: Driver, launch: Launch) -> str | None:
    """Whether the command ends with exit code 0; nothing it started is left after."""
    try:
        instance = await driver.start(launch)
    except DriverError as exc:
        return str(exc)
    try:
        ended = await instance.wait()
    finally:
        with CancelScope(shield=True):  # a check that took too long is killed, not abandoned
            await instance.stop()
    if ended.ok:
        return None
    how = f"exit code {ended.code}" if ended.code is not None else f"signal {ended.signal}"
    return f"{launch.argv[0]}: {how}"


async def _connect(stream: socket.socket, port: int) -> str | None:
    stream.setblocking(False)
    try:
        stream.connect(("127.0.0.1", port))
    except BlockingIOError:
        await wait_writable(stream)
    except OSError as exc:
        return f"port {port}: {exc.strerror}"
    failure = stream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return f"port {port}: {os.strerror(failure)}" if failure else None


def _request(port: int, path: str) -> bytes:
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "User-Agent: intertie-check",
        "Accept: */*",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode()


async def _answer(stream: socket.socket) -> bytes:
    """The whole answer where that is short: a server that is cut off would log an error."""
    answer = b""
    while len(answer) < _MOST_READ and not _is_complete(answer):
        await wait_readable(stream)
        data = stream.recv(_MOST_READ)
        if not data:
            break
        answer += data
    return answer


def _is_complete(answer: bytes) -> bool:
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return False
    length = _LENGTH.search(head)
    if length:
        return len(body) >= int(length[1])
    return body.endswith(b"0\r\n\r\n")  # the last chunk; others end with the connection


def _check_launch(launch: Launch, test: tuple[str, ...]) -> Launch:
    """`test` beside the service, in its environment, with Compose's prefixes understood."""
    match test:
        case ("CMD", *argv):
            pass
        case ("CMD-SHELL", *words):
            argv = ["/bin/sh", "-c", " ".join(words)]
        case _:
            argv = [*test]
    return replace(
        launch,
        # No service has this name: stopping one never takes the other along.
        service=f"{launch.service}:check",
        argv=tuple(argv),
        stdout=_NULL,
        stderr=_NULL,
        stop_grace_s=0.0,
    )
