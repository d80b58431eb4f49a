"""The key of the management API: random, kept in a 0600 file, compared in constant time."""

import hmac
import os
import secrets
from pathlib import Path

from intertie.errors import AccessDeniedError


class ApiKey:
    """What a caller must show as `Authorization: Bearer …` to change anything."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __repr__(self) -> str:
        return "ApiKey(****)"

    @classmethod
    def create(cls, file: Path) -> "ApiKey":
        """Make a new key and leave it in `file` for this user's own tools."""
        secret = secrets.token_urlsafe(32)
        file.unlink(missing_ok=True)
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(secret)
        return cls(secret)

    def check(self, authorization: str | None) -> None:
        """Raise AccessDeniedError unless the header holds the key."""
        scheme, _, shown = (authorization or "").partition(" ")
        same = hmac.compare_digest(shown.strip().encode(), self._secret.encode())
        if scheme.lower() != "bearer" or not same:
            raise AccessDeniedError(
                "cannot do this without the management key: send `Authorization: Bearer …`"
                " with the contents of .intertie/run/api.token"
            )
