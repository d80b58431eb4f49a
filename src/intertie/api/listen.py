"""The socket of the management API. Light: it is bound before the framework is loaded."""

import socket
from pathlib import Path

from intertie.errors import DaemonError

_BACKLOG = 512


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises DaemonError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named TCP: asyncio turns Nagle's algorithm off only for sockets that say so, and with it every
    # answer on a kept connection takes 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as exc:
        listener.close()
        raise DaemonError(
            f"cannot listen on {host}:{port} for the management API: {exc.strerror};"
            " set `api: {port: …}` in the suite file, or `port: auto`"
        ) from exc
    return listener


def bind_socket(path: Path) -> socket.socket:
    """A listening socket for its owner only; one that a killed process left is taken over.

    Its name must be short: the system takes about 100 bytes, so be in its folder or near it.
    """
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX)
    try:
        made.bind(str(path))
        path.chmod(0o600)
        made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    return made
