"""Holding a port open for a service that runs only while somebody needs it."""

import os
import socket
from pathlib import Path
from typing import Self

from anyio import wait_readable

from intertie.errors import DriverError

_BACKLOG = 1024
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_ESTABLISHED = b"01"


class Listener:
    """A listening TCP socket, for `Launch.listen`. Connections wait in it until a service accepts.

    It stays blocking: the service shares that with us, and sd_listen_fds(3) promises nothing else.
    """

    def __init__(self, port: int, *, service: str, host: str = "127.0.0.1") -> None:
        """Raises DriverError when the port cannot be had. 0 takes a free one."""
        self._service = service
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((host, port))
            self._socket.listen(_BACKLOG)
        except OSError as exc:
            self._socket.close()
            raise DriverError(
                f"cannot start service {service!r}: its port {port} cannot be held open on "
                f"{host}: {os.strerror(exc.errno or 0)}",
                service=service,
            ) from exc
        self.port = int(self._socket.getsockname()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fileno(self) -> int:
        """Its descriptor, for `Launch.listen`."""
        return self._socket.fileno()

    def close(self) -> None:
        """Give the port back; may be called again. A service that has the socket keeps it."""
        self._socket.close()

    async def wait_connection(self) -> None:
        """Return once a connection waits to be accepted; it is left to the service."""
        await wait_readable(self._socket)

    def connections(self) -> int:
        """How many connections the port has now, also those not accepted yet.

        One that its client has closed does not count. Raises DriverError where the system does
        not tell.
        """
        if not _TABLES[0].exists():
            raise DriverError(
                f"cannot see whether service {self._service!r} is idle: this system has no "
                "/proc/net/tcp; take idle_timeout away",
                service=self._service,
            )
        return sum(_count(file, self.port) for file in _TABLES if file.exists())


def _count(table: Path, port: int) -> int:
    """Of proc_net_tcp(5): number, local address:port, remote one, state, … below a heading."""
    wanted = f":{port:04X}".encode()
    found = (line.split(maxsplit=4) for line in table.read_bytes().splitlines()[1:])
    return sum(fields[1].endswith(wanted) and fields[3] == _ESTABLISHED for fields in found)
