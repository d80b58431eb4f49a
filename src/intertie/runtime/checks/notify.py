"""The notify check: what a process says about itself by systemd's sd_notify protocol.

Source: sd_notify(3), sd_watchdog_enabled(3).
"""

import array
import asyncio
import hashlib
import logging
import os
import socket
import stat
import struct
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from anyio import Event, current_time

from intertie.drivers import proc
from intertie.errors import IntertieError

log = logging.getLogger(__name__)

_VARIABLE = "NOTIFY_SOCKET"
_LONGEST_PATH = 100
"""Bytes; the kernel has 108 with the closing zero, other systems 104."""
_LONGEST_MESSAGE = 4096
_AT_ONCE = 64
"""Messages read before others have their turn."""
_LONGEST_STATUS = 256
_LARGEST_EXTENSION_S = 86400.0
_CREDENTIALS = struct.Struct("iII")
_MOST_FILES = 16
_MOST_ANCESTORS = 100
_GONE = "it has ended already, so nobody can say whose it was; it must wait as systemd-notify does"


def notify_path(folder: Path, service: str, replica: int) -> Path:
    """Where the socket of a replica lies, always the same: a process keeps it for life.

    In `folder`, or, because a socket's path must be short, in a private folder for temporary
    files when that path would be too long.
    """
    path = folder / f"{service}.{replica}.sock"
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"intertie-notify-{os.getuid()}" / f"{name}.sock"


class NotifySocket:
    """Receives what the processes of one replica say, from `listen` on.

    A context manager that makes the socket and removes it. `waits_for_ready` tells that readiness
    comes from here, so that the watchdog counts from READY=1 on; otherwise from `listen` on.
    """

    def __init__(self, path: Path, *, waits_for_ready: bool = True) -> None:
        self.path = path
        self.is_ready = False
        """READY=1 came, and no STOPPING=1 since."""
        self.is_reloading = False
        self.status_text = ""
        """Its own words, for a person."""
        self.last_watchdog_s: float | None = None
        """When, by the loop's clock, WATCHDOG=1 (or READY=1) came last."""
        self.extended_until_s: float | None = None
        """Until when, by the loop's clock, EXTEND_TIMEOUT_USEC= asks for patience."""
        self.on_message: Callable[[], None] | None = None
        """Called after each message that changed something."""
        self._changed = Event()
        self._waits_for_ready = waits_for_ready
        self._is_failing = False
        self._main_pid = 0
        self._socket: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> Self:
        try:
            self._socket = _bind(self.path)
        except OSError as exc:
            raise IntertieError(
                f"cannot make the notify socket {self.path}: {exc.strerror or exc}"
            ) from exc
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._socket is None:
            return
        if self._loop is not None:
            self._loop.remove_reader(self._socket)
        self._socket.close()
        self._socket = None
        with suppress(OSError):
            self.path.unlink()

    @property
    def changed(self) -> Event:
        """Set by the next message that changes something; another event takes its place."""
        return self._changed

    def variables(self, watchdog_s: float | None = None) -> Mapping[str, str]:
        """For the process's environment. `watchdog_s`: how often WATCHDOG=1 must come."""
        found = {_VARIABLE: str(self.path)}
        if watchdog_s is not None:
            # Without WATCHDOG_PID, so that any process of the replica may do it.
            found["WATCHDOG_USEC"] = str(round(watchdog_s * 1_000_000))
        return found

    def listen(self, main_pid: int, *, is_ready: bool = False) -> None:
        """Take in messages of the replica with this main process, also those sent already.

        `is_ready`: an adopted process said so to an earlier daemon.
        """
        if self._socket is None:
            raise RuntimeError("the notify socket is not open")
        self._main_pid = main_pid
        if is_ready or not self._waits_for_ready:
            self.last_watchdog_s = current_time()
        self.is_ready = self.is_ready or is_ready
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._read)
        self._read()

    async def wait_ready(self) -> None:
        """Return once READY=1 has come."""
        while not self.is_ready:
            await self._changed.wait()

    async def readiness(self) -> str | None:
        """None once READY=1 has come, else the reason; a check."""
        if self.is_ready:
            return None
        return f"has not sent READY=1{self._in_its_words()}"

    def liveness(self, timeout_s: float) -> Callable[[], Awaitable[str | None]]:
        """A check: None as long as WATCHDOG=1 comes within each `timeout_s`."""

        async def check() -> str | None:
            if self._is_failing:
                return f"sent WATCHDOG=trigger{self._in_its_words()}"
            if self.last_watchdog_s is None:
                return None  # not ready yet: whoever waits for that loses patience by himself
            age_s = current_time() - self.last_watchdog_s
            if age_s <= timeout_s:
                return None
            late = f"no WATCHDOG=1 for {age_s:.1f} s, expected within {timeout_s:g} s"
            return late + self._in_its_words()

        return check

    def _in_its_words(self) -> str:
        return f"; its status: {self.status_text}" if self.status_text else ""

    def _read(self) -> None:
        for _ in range(_AT_ONCE):
            if self._socket is None:
                return
            try:
                received = _receive(self._socket)
            except BlockingIOError:
                return
            except OSError as exc:
                log.warning("notify message not read", extra={"why": str(exc)})
                return
            text, pid = received
            sender = proc.stat(pid)
            if sender is None or not self._is_ours(sender):
                self._ignored(pid, "it is no process of this replica" if sender else _GONE)
            elif self._take_in(text):
                self._tell()

    def _ignored(self, pid: int, why: str) -> None:
        fields = {"socket": str(self.path), "sender": pid, "why": why}
        log.warning("notify message ignored", extra=fields)

    def _tell(self) -> None:
        before, self._changed = self._changed, Event()
        before.set()
        if self.on_message is not None:
            self.on_message()

    def _is_ours(self, sender: proc.Stat) -> bool:
        """By session, by what it was started with, or by descent."""
        if self._main_pid in {sender.identity.pid, sender.session}:
            return True
        if f"{_VARIABLE}={self.path}".encode() in proc.environment(sender.identity.pid):
            return True
        found: proc.Stat | None = sender
        for _ in range(_MOST_ANCESTORS):
            if found is None or found.parent <= 1:
                return False
            if found.parent == self._main_pid:
                return True
            found = proc.stat(found.parent)
        return False

    def _take_in(self, text: str) -> bool:
        """Whether it said anything that is known here."""
        known = 0
        for line in text.splitlines():
            name, _, value = line.partition("=")
            known += self._assign(name, value)
        return known > 0

    def _assign(self, name: str, value: str) -> bool:
        match name, value:
            case "READY", "1":
                self.is_ready, self.is_reloading = True, False
                self.last_watchdog_s = current_time()
            case "RELOADING", "1":
                self.is_reloading = True
            case "STOPPING", "1":
                self.is_ready = False
            case "WATCHDOG", "1":
                self.last_watchdog_s = current_time()
            case "WATCHDOG", "trigger":
                self._is_failing = True
            case "STATUS", _:
                self.status_text = value[:_LONGEST_STATUS]
            case "EXTEND_TIMEOUT_USEC", _ if value.isascii() and value.isdigit():
                asked_s = int(value[:18]) / 1_000_000
                self.extended_until_s = current_time() + min(asked_s, _LARGEST_EXTENSION_S)
            case _:
                return False
        return True


def _bind(path: Path) -> socket.socket:
    if not hasattr(socket, "SO_PASSCRED"):
        raise OSError(0, "this system does not say who sends a message; use another check")
    _make_private(path.parent)
    path.unlink(missing_ok=True)  # of a daemon that was killed
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        made.bind(str(path))
        path.chmod(0o600)
    except BaseException:
        made.close()
        raise
    return made


def _make_private(folder: Path) -> None:
    """In a folder for temporary files someone else may have been there first."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise OSError(0, f"{folder} belongs to another user; remove it")


def _receive(source: socket.socket) -> tuple[str, int]:
    """One message and the pid of its sender, which the kernel vouches for."""
    room = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(_MOST_FILES * 4)
    data, ancillary, _, _ = source.recvmsg(_LONGEST_MESSAGE, room)
    pid = 0
    for level, kind, payload in ancillary:
        if level != socket.SOL_SOCKET:
            continue
        if kind == socket.SCM_CREDENTIALS:
            pid = _CREDENTIALS.unpack_from(payload)[0]
        elif kind == socket.SCM_RIGHTS:
            # Closing it is also what sd_notify_barrier(3) waits for.
            _close_all(payload)
    return data.decode(errors="replace"), pid


def _close_all(payload: bytes) -> None:
    handles = array.array("i")
    handles.frombytes(payload[: len(payload) - len(payload) % handles.itemsize])
    for handle in handles:
        os.close(handle)
