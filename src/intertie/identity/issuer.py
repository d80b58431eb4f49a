"""The suite's own token issuer: ES256 JSON Web Tokens and the key set that verifies them."""

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

from joserfc import jwt
from joserfc.jwk import ECKey

from intertie.errors import StoreError

ISSUER = "intertie"
IDENTITY_CLAIM = "user"
"""Who the token is for, as JSON text: what the gateway hands to services as it stands, since to
write JSON anew for each request would cost a fifth of the gateway's time."""
_KEY_FILE = "issuer.json"


class Issuer:
    """Signs tokens with a P-256 key that never leaves its 0600 file."""

    def __init__(self, key: ECKey) -> None:
        self._key = key

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The issuer whose key lies in `folder`; key and folder (0700) are made when missing."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = folder / _KEY_FILE
        if not file.exists():
            _write_private(file, json.dumps(_new_key().as_dict(private=True)))
        try:
            return cls(ECKey.import_key(json.loads(file.read_text())))
        except (OSError, ValueError) as exc:
            raise StoreError(f"cannot read the token key {file}: {exc}") from exc

    def __repr__(self) -> str:
        return f"Issuer(kid={self._key.kid!r})"

    def jwks(self) -> Mapping[str, Any]:
        """The public keys as a JWK Set (RFC 7517)."""
        return {"keys": [self._key.as_dict(private=False)]}

    def mint(
        self,
        subject: str,
        *,
        now: datetime,
        audience: str,
        lifetime_s: float,
        roles: Sequence[str] = (),
    ) -> str:
        """A signed token (RFC 7519) with iss, sub, aud, iat, exp, jti, user and, if any, roles."""
        identity: dict[str, Any] = {"sub": subject}
        if roles:
            identity["roles"] = list(roles)
        claims: dict[str, Any] = {
            **identity,
            "iss": ISSUER,
            "aud": audience,
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(seconds=lifetime_s)).timestamp()),
            "jti": secrets.token_urlsafe(12),
            IDENTITY_CLAIM: json.dumps(identity, separators=(",", ":")),
        }
        header = {"alg": "ES256", "kid": self._key.kid}
        return jwt.encode(header, claims, self._key)


def _new_key() -> ECKey:
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"})
    key.ensure_kid()
    return key


def _write_private(file: Path, text: str) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as stream:
        stream.write(text)
