"""Where services send their spans: a port of this machine and a key, both the same for years.

Services outlive the daemon that started them, so what they were told must stay true.
"""

import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass, field
from pathlib import Path

from intertie.errors import IntertieError, StoreError
from intertie.runtime.ports import Ports

HOST = "127.0.0.1"
_TOKEN_BYTES = 32
_SERVICE = "traces"


@dataclass(frozen=True, slots=True)
class Address:
    """Where, and what to show there."""

    port: int
    token: str = field(repr=False)

    @property
    def url(self) -> str:
        """Without a path."""
        return f"http://{HOST}:{self.port}"


def listen(path: Path) -> tuple[socket.socket, Address]:
    """A socket at the address in that file, made at first, for its owner only.

    A port that somebody else has taken is given up for another one. Raises StoreError,
    IntertieError.
    """
    known = _read(path)
    if known is not None:
        try:
            return socket.create_server((HOST, known.port)), known
        except OSError:
            known = Address(Ports().take(_SERVICE), known.token)
    made = known or Address(Ports().take(_SERVICE), secrets.token_urlsafe(_TOKEN_BYTES))
    try:
        listener = socket.create_server((HOST, made.port))
    except OSError as exc:
        raise IntertieError(f"cannot take traces in at {made.url}: {exc}") from exc
    try:
        _write(path, made)
    except OSError as exc:
        listener.close()
        raise StoreError(f"cannot keep the address of traces in {path}: {exc}") from exc
    return listener, made


def _read(path: Path) -> Address | None:
    try:
        found = json.loads(path.read_bytes())
        return Address(int(found["port"]), str(found["token"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        why = f"{exc}; remove the file, then restart the services"
        raise StoreError(f"cannot read the address of traces in {path}: {why}") from exc


def _write(path: Path, address: Address) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as stream:
        json.dump(asdict(address), stream)
    part.replace(path)
