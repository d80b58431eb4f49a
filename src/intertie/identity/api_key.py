"""The key of the management API: random, kept in a 0600 file, compared in constant time."""

import hmac
import os
import secrets
from pathlib import Path
from typing import Self


class ApiKey:
    """What a caller shows as `Authorization: Bearer …` to prove to be this user."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "ApiKey(****)"

    @classmethod
    def create(cls, file: Path) -> Self:
        """Make a new key and leave it in `file` for this user's own tools."""
        secret = secrets.token_urlsafe(32)
        file.unlink(missing_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(secret)
        return cls(secret)

    def opens(self, authorization: str | None) -> bool:
        """Whether the header holds the key."""
        scheme, _, shown = (authorization or "").partition(" ")
        same = hmac.compare_digest(shown.strip().encode(), self._secret.encode())
        return same and scheme.lower() == "bearer"
