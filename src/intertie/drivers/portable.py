"""What psutil says about processes, for systems without /proc."""

import os
from contextlib import suppress

import psutil

from intertie.drivers import Identity
from intertie.drivers.proc import Stat


def pids() -> list[int]:
    """Of every process."""
    return psutil.pids()


def environment(pid: int) -> list[bytes]:
    """NAME=value as the process was started with; empty when that cannot be read."""
    with suppress(psutil.Error):
        return [f"{k}={v}".encode() for k, v in psutil.Process(pid).environ().items()]
    return []


def wait(pid: int) -> None:
    """Return when it has ended."""
    with suppress(psutil.Error):
        psutil.Process(pid).wait()


def stat(pid: int) -> Stat | None:
    """The process as it is now, or None when there is none."""
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return Stat(
                identity=Identity(pid, round(process.create_time() * 1000)),
                parent=process.ppid(),
                group=os.getpgid(pid),
                session=os.getsid(pid),
                zombie=process.status() == psutil.STATUS_ZOMBIE,
            )
    except (psutil.Error, OSError):
        return None
