"""What the kernel says about processes: /proc read by hand, because psutil's way costs ten times.

On systems without /proc, psutil answers instead.
"""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from intertie.drivers import Identity

_PR_SET_CHILD_SUBREAPER = 36
_PR_GET_CHILD_SUBREAPER = 37
_PF_KTHREAD = 0x00200000
_PROC = Path("/proc")
_ENDED = {b"Z", b"X"}
_EXEC_LOOKS = 25
_EXEC_S = 0.0002


@dataclass(frozen=True, slots=True)
class Stat:
    """One line of /proc/PID/stat."""

    identity: Identity
    parent: int
    group: int
    session: int
    zombie: bool


def stat(pid: int) -> Stat | None:
    """The process as it is now, or None when there is none."""
    if not has_proc():
        return _portable().stat(pid)
    fields = _stat_fields(pid)
    if fields is None:
        return None
    return Stat(
        identity=Identity(pid, int(fields[19])),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        zombie=fields[0] in _ENDED,
    )


def identify(pid: int) -> Identity | None:
    """Its identity while it lives or is a zombie."""
    found = stat(pid)
    return found.identity if found else None


def is_alive(identity: Identity) -> bool:
    """Whether exactly this process still runs; a zombie does not."""
    found = stat(identity.pid)
    return found is not None and found.identity == identity and not found.zombie


def environment(pid: int) -> list[bytes]:
    """NAME=value as the process was started with; empty when that cannot be read."""
    if has_proc():
        with suppress(OSError):
            return _environ(pid).split(b"\0")
        return []
    return _portable().environment(pid)


def children(pid: int) -> list[int]:
    """Direct children, zombies included."""
    if not _lists_children():
        return [found.identity.pid for found in everything() if found.parent == pid]
    found: list[int] = []
    with suppress(OSError):
        for task in (_PROC / str(pid) / "task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_bytes().split())
    return found


def descendants(pids: Iterable[int]) -> list[Stat]:
    """All processes below these, parents before children, zombies left out."""
    found: list[Stat] = []
    open_ = [child for pid in pids for child in children(pid)]
    while open_:
        pid = open_.pop()
        known = stat(pid)
        if known is not None and not known.zombie:
            found.append(known)
        open_ += children(pid)
    return found


def everything() -> Iterator[Stat]:
    """Every process of the machine."""
    for pid in _pids():
        found = stat(pid)
        if found is not None:
            yield found


def send(identity: Identity, number: int) -> bool:
    """Signal exactly this process; False when it is gone or not ours to signal.

    The handle is taken before the start time is compared, so a reused pid is never hit.
    """
    try:
        handle = os.pidfd_open(identity.pid) if has_pidfd() else None
    except OSError:
        return False
    try:
        if identify(identity.pid) != identity:
            return False
        if handle is None:
            os.kill(identity.pid, number)
        else:
            signal.pidfd_send_signal(handle, number)
    except (ProcessLookupError, PermissionError):
        return False
    finally:
        if handle is not None:
            os.close(handle)
    return True


def become_subreaper() -> bool:
    """Make orphans below us our children instead of init's; False where that does not exist."""
    return _prctl(_PR_SET_CHILD_SUBREAPER, 1) == 0


def is_subreaper() -> bool:
    """Whether orphans below us become our children."""
    answer = ctypes.c_int(0)
    known = _prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(answer)) == 0
    return os.getpid() == 1 or (known and answer.value == 1)


def parents(pid: int) -> list[int]:
    """Those above it, the nearest first."""
    found: list[int] = []
    known = stat(pid)
    while known is not None and known.parent > 0:
        found.append(known.parent)
        known = stat(known.parent)
    return found


@cache
def has_proc() -> bool:
    """Whether /proc is there."""
    return (_PROC / "self" / "stat").exists()


@cache
def has_pidfd() -> bool:
    """Whether processes can be held by a handle (Linux 5.3 and later)."""
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        os.close(os.pidfd_open(os.getpid()))
    except OSError:
        return False
    return True


@cache
def _lists_children() -> bool:
    return (_PROC / "self" / "task" / str(os.getpid()) / "children").exists()


def _prctl(option: int, argument: object) -> int:
    if sys.platform != "linux":
        return -1
    return int(_libc().prctl(option, argument, 0, 0, 0))


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _environ(pid: int) -> bytes:
    """The raw text. For an instant within exec it is empty: that instant is waited out."""
    file = _PROC / str(pid) / "environ"
    for _ in range(_EXEC_LOOKS):
        text = file.read_bytes()
        if text:
            return text
        if not _is_in_exec(pid):
            break
        time.sleep(_EXEC_S)
    return file.read_bytes()  # exec may have ended between the two looks


def _is_in_exec(pid: int) -> bool:
    fields = _stat_fields(pid)
    if fields is None or fields[0] in _ENDED:
        return False
    is_of_the_kernel = int(fields[6]) & _PF_KTHREAD
    return not is_of_the_kernel and fields[48] == b"0"  # where the environment ends, in memory


def _stat_fields(pid: int) -> list[bytes] | None:
    """Field 3 and following of /proc/PID/stat; see proc(5)."""
    try:
        text = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The program's name, in brackets, may hold blanks and brackets itself.
    return text[text.rindex(b")") + 2 :].split()


def wait_portably(pid: int) -> None:
    """Block until a process that is not our child has ended, where there are no handles."""
    _portable().wait(pid)


def _pids() -> list[int]:
    if not has_proc():
        return _portable().pids()
    return [int(name) for name in os.listdir(_PROC) if name.isdecimal()]


class _Portable(Protocol):
    """The module `portable`."""

    def stat(self, pid: int) -> Stat | None: ...
    def environment(self, pid: int) -> list[bytes]: ...
    def pids(self) -> list[int]: ...
    def wait(self, pid: int) -> None: ...


def _portable() -> _Portable:
    """What psutil says. Loaded only where there is no /proc: it takes 30 ms."""
    return cast("_Portable", import_module("intertie.drivers.portable"))
