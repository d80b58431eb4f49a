"""The suite's own token issuer: ES256 JSON Web Tokens and the key set that verifies them."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from joserfc import jwt

from intertie.errors import ConflictError
from intertie.identity.principal import Principal
from intertie.identity.tokens import ring as rings
from intertie.identity.tokens.plain import header_text, roles_text
from intertie.identity.tokens.ring import Ring

ISSUER = "intertie"
"""Its name where no address of the suite is known."""
IDENTITY_CLAIM = "user"
"""Who the token is for, as JSON text: what the gateway hands to services as it stands, since to
write JSON anew for each request would cost a fifth of the gateway's time."""
CLIENT_CLAIM = "principal"
TENANT_CLAIM = "tenant"
ROLES_CLAIM = "roles_text"
LIFETIME_S = 3600.0
PUBLISH_S = 600
"""How long a key is published before it signs, and how long a reader may keep the key set."""
_SPARE_S = 120.0
"""Two clocks, each a minute off."""


@dataclass(frozen=True, slots=True)
class For:
    """What a token says beside who it is for; what is empty is left out."""

    audience: str
    client_id: str = ""
    sid: str = ""
    """The session it belongs to."""
    grant: str = ""
    """The consent it belongs to: all that one login gave to one client."""
    scope: str = ""
    email: str = ""
    """Verified, and the client may know it."""


class Issuer:
    """Signs tokens with a P-256 key that never leaves its 0600 file.

    More than one process may have the same folder open: each sees at once what another changes.
    """

    def __init__(self, file: Path, *, url: str, clock: Callable[[], datetime]) -> None:
        self._file = file
        self._clock = clock
        self._held = self._load()
        self.url = url
        """What tokens have as `iss`."""

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        url: str = ISSUER,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Self:
        """The issuer whose keys lie in `folder`; keys and folder (0700) are made when missing."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(folder / rings.FILE, url=url, clock=clock)

    def __repr__(self) -> str:
        return f"Issuer(kid={self._held[0].current.kid!r})"

    def jwks(self) -> Mapping[str, Any]:
        """The public keys as a JWK Set (RFC 7517): the present one first, then the next."""
        return {"keys": self._fresh().published(self._clock().timestamp())}

    def mint(
        self,
        subject: str,
        *,
        now: datetime,
        audience: str,
        lifetime_s: float,
        roles: Sequence[str] = (),
    ) -> str:
        """A token for a user of the default tenant; see `mint_for`."""
        principal = Principal("user", subject, roles=tuple(roles))
        return self.mint_for(principal, For(audience), now=now, lifetime_s=lifetime_s)

    def mint_for(
        self, principal: Principal, said: For, *, now: datetime, lifetime_s: float = LIFETIME_S
    ) -> str:
        """A signed access token (RFC 9068), with what the gateway tells services in plain text."""
        claims: dict[str, object] = {
            "sub": principal.id,
            "aud": said.audience,
            "client_id": said.client_id,
            "scope": said.scope,
            "sid": said.sid,
            "grant": said.grant,
            "roles": list(principal.roles),
            "groups": list(principal.groups),
            "email": said.email,
            "email_verified": bool(said.email),
            "kind": principal.kind,
            "name": principal.name,
            TENANT_CLAIM: header_text(principal.tenant),
            IDENTITY_CLAIM: principal.forwarded(),
            CLIENT_CLAIM: header_text(principal.client),
            ROLES_CLAIM: roles_text(principal.roles),
        }
        filled = {name: value for name, value in claims.items() if value}
        return self.sign(filled, typ="at+jwt", now=now, lifetime_s=lifetime_s)

    def sign(
        self, claims: Mapping[str, object], *, typ: str, now: datetime, lifetime_s: float
    ) -> str:
        """A token of this type: `claims` with iss, iat, exp and jti, which nothing overrides."""
        issued = int(now.timestamp())
        said = {
            **claims,
            "iss": self.url,
            "iat": issued,
            "exp": issued + int(lifetime_s),
            "jti": secrets.token_urlsafe(12),
        }
        key = self._signing(lifetime_s).current
        return jwt.encode({"alg": "ES256", "kid": key.kid, "typ": typ}, said, key)

    def rotate(self, now: datetime) -> None:
        """Sign with the next key from now on, and publish the one after it.

        Raises ConflictError when readers may not have seen the next one yet.
        """
        with rings.alone(self._file.parent):
            present = self._fresh()
            waits_s = present.published_at + PUBLISH_S - now.timestamp()
            if waits_s > 0:
                raise ConflictError(
                    f"cannot rotate the token keys: the next one was published just now;"
                    f" try again in {waits_s:.0f} s, or replace them all"
                )
            self._save(present.turned(now.timestamp(), _SPARE_S))

    def rotate_when_due(self, now: datetime, *, every_s: float) -> bool:
        """Whether the present key was older than that, and another one signs now."""
        if now.timestamp() < self._fresh().since + every_s:
            return False
        try:
            self.rotate(now)
        except ConflictError:  # another process did it just now
            return False
        return True

    def replace_keys(self, now: datetime) -> None:
        """After a leak: no token signed so far verifies any more."""
        with rings.alone(self._file.parent):
            self._save(Ring.new(now.timestamp()))

    def _signing(self, lifetime_s: float) -> Ring:
        """The keys, which know before the token is made how long it will live."""
        present = self._fresh()
        if present.longest_s >= lifetime_s:
            return present
        with rings.alone(self._file.parent):
            present = self._fresh()
            longer = replace(present, longest_s=max(present.longest_s, lifetime_s))
            self._save(longer)
            return longer

    def _fresh(self) -> Ring:
        if _mark(self._file) != self._held[1]:
            self._held = self._load()
        return self._held[0]

    def _load(self) -> tuple[Ring, tuple[int, ...]]:
        mark = _mark(self._file)
        found = rings.read(self._file)
        if found is None:
            return self._completed(), _mark(self._file)
        return found, mark

    def _completed(self) -> Ring:
        with rings.alone(self._file.parent):
            found = rings.read(self._file)
            if found is not None:  # another process was quicker
                return found
            made = rings.complete(self._file, self._clock().timestamp())
            rings.write(self._file, made)
            return made

    def _save(self, ring: Ring) -> None:
        rings.write(self._file, ring)
        self._held = (ring, _mark(self._file))


def _mark(file: Path) -> tuple[int, ...]:
    """Differs when the file does; empty when there is none."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return ()
    return (found.st_ino, found.st_mtime_ns, found.st_size)
