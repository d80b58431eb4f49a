"""Whether the daemon of a suite runs, from what it announced; needs no connection."""

import time

from intertie.drivers import Identity, proc
from intertie.errors import DaemonError
from intertie.runtime.daemon import is_locked
from intertie.runtime.folder import Daemon, StateFolder

_POLL_S = 0.01


def find_daemon(folder: StateFolder) -> Daemon | None:
    """The daemon that runs for this state folder now, or None."""
    daemon = folder.daemon()
    return daemon if daemon and is_alive(daemon) else None


def await_daemon(folder: StateFolder, timeout_s: float) -> Daemon | None:
    """The same, but one that is just starting or ending is waited for. Raises DaemonError."""
    deadline = time.monotonic() + timeout_s
    while (found := find_daemon(folder)) is None and is_locked(folder.lock):
        if time.monotonic() > deadline:
            raise DaemonError(
                f"cannot go on: a daemon has been starting or ending for {timeout_s:.0f} s;"
                f" see {folder.logs / 'daemon.log'}"
            )
        time.sleep(_POLL_S)
    return found


def addresses(folder: StateFolder) -> dict[str, str]:
    """Where the gateway and the API of the running suite listen; empty when it does not run."""
    daemon = find_daemon(folder)
    if daemon is None:
        return {}
    gateway = {"gateway": daemon.gateway_url} if daemon.gateway_url else {}
    return {**gateway, "api": daemon.api_url}


def is_alive(daemon: Daemon) -> bool:
    """Whether that very process still runs (a reused pid has another start time)."""
    return proc.is_alive(Identity(daemon.pid, daemon.start_ticks))


def wait_gone(daemon: Daemon, timeout_s: float) -> bool:
    """Whether the daemon ended within the time.

    Asks the process table: nobody tells us of the end of a process that is not our child, and a
    dead one may stay listed until its parent takes note.
    """
    deadline = time.monotonic() + timeout_s
    while is_alive(daemon):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
