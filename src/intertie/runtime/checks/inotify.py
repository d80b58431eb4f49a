"""Being told that a file was written to, where the kernel tells it (Linux)."""

import ctypes
import errno
import os
import sys
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from anyio import move_on_after, sleep, wait_readable

_MODIFY = 0x2
_MOVE_SELF = 0x800
_MANY_EVENTS = 64 * 1024


class FileWatch:
    """Waits for writes to some files. Where the kernel does not tell, it waits for the time."""

    def __init__(self) -> None:
        self._handle = _open()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._handle is not None:
            os.close(self._handle)
        self._handle = None

    def add(self, path: Path) -> bool:
        """Whether writes to this file will be told from now on."""
        if self._handle is None:
            return False
        name = os.fsencode(path)
        return int(_libc().inotify_add_watch(self._handle, name, _MODIFY | _MOVE_SELF)) >= 0

    async def wait(self, most_s: float) -> bool:
        """Return at a write to one of the files, or after this time; whether it was a write."""
        handle = self._handle
        if handle is None:
            await sleep(most_s)
            return False
        with move_on_after(most_s):
            await wait_readable(handle)
            os.read(handle, _MANY_EVENTS)
            return True
        return False


def _open() -> int | None:
    """None where there is no inotify, and when this user has too many already."""
    if sys.platform != "linux":
        return None
    handle = int(_libc().inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    if handle >= 0:
        return handle
    if ctypes.get_errno() not in {errno.EMFILE, errno.ENFILE, errno.ENOSYS, errno.ENOMEM}:
        raise OSError(ctypes.get_errno(), "cannot watch files")
    return None


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
