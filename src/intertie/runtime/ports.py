"""Ports handed out to services."""

import errno
import random
import socket
from collections.abc import Iterable

from anyio import to_thread

from intertie.errors import DriverError

# Below the range the kernel takes ports for outgoing connections from: none of those can slip in
# between the check and the service's own bind.
_FIRST, _LAST = 20_000, 32_767
_TRIES = 1_000


def is_free(port: int) -> bool:
    """Whether nothing listens there (connections still closing do not matter)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as exc:
            return exc.errno != errno.EADDRINUSE
    return True


class Ports:
    """Free ports, none given to two replicas at once.

    Chosen by chance: suites side by side hardly ever choose the same.
    """

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.Random()  # noqa: S311 — not a secret
        self._given: set[int] = set()
        self._fixed: frozenset[int] = frozenset()

    def take(self, service: str) -> int:
        """A port nobody listens on, until it is given back. Raises DriverError."""
        for _ in range(_TRIES):
            port = self._rng.randint(_FIRST, _LAST)
            if port not in self._given | self._fixed and is_free(port):
                self._given.add(port)
                return port
        raise DriverError(
            f"cannot start service {service!r}: no free port from {_FIRST} to {_LAST}",
            service=service,
        )

    def keep_for(self, fixed: Iterable[int]) -> None:
        """These belong to somebody who may not listen yet; those of the last call are free."""
        self._fixed = frozenset(fixed)

    def claim(self, port: int) -> None:
        """The port is in use already by a replica that was adopted."""
        self._given.add(port)

    def give_back(self, port: int) -> None:
        """The port may be given to another replica."""
        self._given.discard(port)


async def require_free(port: int, service: str) -> None:
    """Raises DriverError, naming the process where it can be known, when the port is taken."""
    if is_free(port):
        return
    holder = await to_thread.run_sync(_listener, port)
    raise DriverError(
        f"cannot start service {service!r}: port {port} is taken by {holder}; "
        "stop it, or give the service another port",
        service=service,
    )


def _listener(port: int) -> str:
    import psutil  # noqa: PLC0415 - 30 ms to load, and hardly ever needed

    try:
        connections = psutil.net_connections("tcp")
        pids = [
            c.pid
            for c in connections
            if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port and c.pid
        ]
        return f"pid {pids[0]} ({psutil.Process(pids[0]).name()})" if pids else "another process"
    except psutil.Error:
        return "another process"
