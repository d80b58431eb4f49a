"""A terminal of its own for a service: what it prints goes to its log and to who looks at it."""

import errno
import fcntl
import logging
import os
import struct
import termios
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from anyio import (
    ClosedResourceError,
    Event,
    Lock,
    create_task_group,
    fail_after,
    move_on_after,
    notify_closing,
    sleep,
    to_thread,
    wait_readable,
    wait_writable,
)

from intertie.drivers import Launch
from intertie.errors import DriverError

log = logging.getLogger(__name__)

_CHUNK_BYTES = 65536
_REPLAY_BYTES = 65536
_BEHIND_BYTES = 1 << 20
_TYPE_S = 10.0
_DISK_S = 1.0
_LAST_S = 5.0
_LOG_MODE = 0o640


class Viewer:
    """What one onlooker has still to read. One that falls a megabyte behind is cut off."""

    def __init__(self, first: bytes) -> None:
        self.was_cut_off = False
        self._waiting = deque([first] if first else [])
        self._size = len(first)
        self._over = False
        self._news = Event()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """What came since; ends with the terminal, or when cut off."""
        while not self._waiting:
            if self._over:
                raise StopAsyncIteration
            await self._news.wait()
            self._news = Event()
        data = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        return data

    def put(self, data: bytes) -> None:
        """For the terminal: never waits."""
        if self._over:
            return
        self._size += len(data)
        if self._size > _BEHIND_BYTES:
            self.was_cut_off = True
            self._waiting.clear()
            self.end()
            return
        self._waiting.append(data)
        self._news.set()

    def end(self) -> None:
        """For the terminal: nothing follows."""
        self._over = True
        self._news.set()


class Terminal:
    """The terminal of one process: made for its start, over when it and all below it ended.

    `with Terminal(launch) as terminal`: start `replace(launch, terminal=terminal.slave)`, then
    `run`. The log gets every byte as the terminal gave it, so a line ends in CR LF. As the daemon
    holds the terminal, the service gets SIGHUP when the daemon dies.
    """

    def __init__(self, launch: Launch, *, rows: int = 24, columns: int = 80) -> None:
        """Raises DriverError when the system has no terminal left or the log cannot be opened."""
        self._service = launch.service
        self._log = self._open_log(launch.stdout)
        try:
            self._master, self.slave = os.openpty()
        except OSError as exc:
            os.close(self._log)
            why = f"the system has no terminal for it: {exc.strerror}"
            raise self._refusal("start", why) from exc
        os.set_blocking(self._master, False)
        self._slave_is_open = True
        self._unwritten = bytearray()
        self._recent = bytearray()
        self._viewers: set[Viewer] = set()
        self._over = False
        self._typing = Lock()
        self.resize(rows, columns)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._finish()
        self._close_slave()
        notify_closing(self._master)
        os.close(self._master)
        os.close(self._log)

    def resize(self, rows: int, columns: int) -> None:
        """Give it this size; the program is told by SIGWINCH."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @contextmanager
    def attach(self) -> Iterator[Viewer]:
        """Look at it: the last 64 KiB first, then what follows."""
        viewer = Viewer(bytes(self._recent))
        if self._over:
            viewer.end()
        self._viewers.add(viewer)
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)

    async def write(self, data: bytes) -> None:
        """Type it. Raises DriverError when the program has ended or does not read."""
        try:
            async with self._typing:
                with fail_after(_TYPE_S):
                    await self._type(memoryview(data))
        except TimeoutError as exc:
            raise self._refusal("type into", "it does not read") from exc
        except (OSError, ClosedResourceError) as exc:
            raise self._refusal("type into", "it has ended") from exc

    async def run(self, ended: Callable[[], Awaitable[object]]) -> None:
        """Copy until the process has ended and all that it and those below it wrote is read.

        `ended` returns when the main process has: until then our side of the slave stays open,
        as a program may close its own and open the terminal again by name. While the log's disk
        is full it waits, and the program with it: no byte is lost. When cancelled, it takes along
        what has been written until then.
        """
        try:
            async with create_task_group() as group:
                group.start_soon(self._close_slave_after, ended)
                while data := await self._read():
                    self._take(data)
                    await self._save()
        finally:
            self._drain()
            self._finish()
            with suppress(OSError), move_on_after(_LAST_S, shield=True):
                await to_thread.run_sync(self._write_log)
            if self._unwritten:
                fields = {"service": self._service, "bytes": len(self._unwritten)}
                log.error("output of a terminal is lost", extra=fields)

    async def _close_slave_after(self, ended: Callable[[], Awaitable[object]]) -> None:
        await ended()
        self._close_slave()

    def _close_slave(self) -> None:
        if self._slave_is_open:
            self._slave_is_open = False
            os.close(self.slave)

    async def _read(self) -> bytes:
        """Something, or nothing when nobody has the slave any more."""
        while True:
            try:
                return os.read(self._master, _CHUNK_BYTES)
            except BlockingIOError:
                await wait_readable(self._master)
            except OSError as exc:
                if exc.errno == errno.EIO:
                    return b""
                raise

    def _drain(self) -> None:
        """What is there already."""
        with suppress(OSError):
            while data := os.read(self._master, _CHUNK_BYTES):
                self._take(data)

    def _take(self, data: bytes) -> None:
        self._unwritten += data
        self._recent += data
        del self._recent[:-_REPLAY_BYTES]
        for viewer in self._viewers:
            viewer.put(data)

    async def _save(self) -> None:
        """Return when all is in the log."""
        is_told = False
        while self._unwritten:
            try:
                await to_thread.run_sync(self._write_log)
            except OSError as exc:
                if not is_told:
                    fields = {"service": self._service, "error": exc.strerror}
                    log.error("log of a terminal cannot be written", extra=fields)
                is_told = True
                await sleep(_DISK_S)

    def _write_log(self) -> None:
        """In a thread. What is written is taken away at once, so that a cancel changes nothing."""
        while self._unwritten:
            done = os.write(self._log, self._unwritten)
            del self._unwritten[:done]

    async def _type(self, rest: memoryview) -> None:
        while rest:
            if self._over:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            try:
                rest = rest[os.write(self._master, rest) :]
            except BlockingIOError:
                await wait_writable(self._master)

    def _finish(self) -> None:
        self._over = True
        for viewer in self._viewers:
            viewer.end()

    def _open_log(self, path: Path) -> int:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, flags, _LOG_MODE)
        except OSError as exc:
            why = f"its log {path} cannot be opened: {exc.strerror}"
            raise self._refusal("start", why) from exc

    def _refusal(self, what: str, why: str) -> DriverError:
        text = f"cannot {what} service {self._service!r}: {why}"
        return DriverError(text, service=self._service)
