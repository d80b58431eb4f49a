"""A secret of the suite that is not in its database: what lies there opens nothing without it."""

import hmac
import os
import secrets
from pathlib import Path
from typing import Self

from intertie.errors import StoreError
from intertie.identity.tokens import base64url

_FILE = "pepper"
_BYTES = 32


class Pepper:
    """Hashes secrets for storing, each purpose apart."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "Pepper(****)"

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The one in `folder` (0600 in 0700), made when missing; many processes may ask at once."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / _FILE
        try:
            if not file.exists():
                _leave(file, secrets.token_bytes(_BYTES))
            secret = file.read_bytes()
        except OSError as exc:
            raise StoreError(f"cannot read the secret {file}: {exc.strerror}") from exc
        if len(secret) != _BYTES:
            raise StoreError(f"cannot read the secret {file}: it is damaged")
        return cls(secret)

    def bytes(self, purpose: str, *parts: str) -> bytes:
        """32 bytes that only this suite can make of these parts."""
        # Lengths, so that ("ab", "c") and ("a", "bc") differ.
        told = "".join(f"{len(part)}:{part}" for part in (purpose, *parts))
        return hmac.digest(self._secret, told.encode(), "sha256")

    def hash(self, purpose: str, *parts: str) -> str:
        """The same as text."""
        return base64url.encode(self.bytes(purpose, *parts))


def _leave(file: Path, secret: bytes) -> None:
    """Whole or not at all, and the first one stays."""
    fresh = file.with_name(f"{_FILE}.{secrets.token_hex(8)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(secret)
        os.link(fresh, file)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
