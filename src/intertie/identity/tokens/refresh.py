"""Refresh tokens: opaque, hashed in the store, good once, and of a family that dies as a whole.

A token is its family, a secret, and a mark that only this suite can make. The next secret is made
of the one before and a salt that is stored: asked twice, two processes give the same answer, and
the store alone gives none. Source: OAuth 2.1 section 4.3; RFC 9700 section 4.14.
"""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Self

from intertie.errors import ConflictError, NotFoundError
from intertie.identity.tokens.grant import Document, Grant
from intertie.identity.tokens.pepper import Pepper
from intertie.identity.tokens.revocation import Revocations
from intertie.store import Records

COLLECTION = "refresh_tokens"
_MAX_LENGTH = 256
_PARTS = 3
_TRIES = 5
_SWEPT_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """In seconds."""

    grace_s: float = 20.0
    """A token used again within this time, its successor unused, is a retry and no theft."""
    idle_s: float = 14 * 86400.0
    absolute_s: float = 30 * 86400.0


_LIFETIMES = Lifetimes()


@dataclass(frozen=True, slots=True)
class Rotated:
    """What a good refresh token gives."""

    token: str
    """Its successor."""
    grant: Grant


@dataclass(frozen=True, slots=True)
class Refused:
    """No token is given. `reused` ended the family and the session: somebody may have stolen it."""

    why: Literal["unknown", "expired", "revoked", "client", "reused"]


@dataclass(frozen=True, slots=True)
class _Family:
    grant: Grant
    made_at: float
    used_at: float
    current: str
    """The hash of the secret that is good now."""
    previous: str = ""
    """The hash of the one before."""
    salt: str = ""
    """What made `current` of the one before."""

    def document(self) -> Document:
        told = {name: getattr(self, name) for name in _FIELDS}
        return {**told, "grant": self.grant.document()}

    @classmethod
    def parse(cls, document: Document) -> Self:
        told: Document = {**document, "grant": Grant.parse(document["grant"])}
        return cls(**told)


_FIELDS = ("made_at", "used_at", "current", "previous", "salt")


class RefreshTokens:
    """`clock` gives seconds since 1970."""

    def __init__(
        self,
        records: Records,
        pepper: Pepper,
        revocations: Revocations,
        *,
        clock: Callable[[], float],
        lifetimes: Lifetimes = _LIFETIMES,
    ) -> None:
        self._records = records
        self._pepper = pepper
        self._revocations = revocations
        self._clock = clock
        self._lifetimes = lifetimes

    async def start(self, grant: Grant) -> str:
        """The first token of a family, one for each grant."""
        await self._sweep()
        now, secret = self._clock(), secrets.token_urlsafe(32)
        family = _Family(grant, now, now, self._hash(secret))
        await self._records.put(COLLECTION, grant.id, family.document(), expect=0)
        return self._text(grant.id, secret)

    async def rotate(self, text: str, client_id: str) -> Rotated | Refused:
        """The successor of `text`, which is good no more."""
        parts = self._parts(text)
        if parts is None:
            return Refused("unknown")
        await self._revocations.refresh()
        for _ in range(_TRIES):
            try:
                return await self._rotate(*parts, client_id)
            except ConflictError:  # another process rotated it just now: look again
                continue
        raise ConflictError("cannot refresh this token: too many ask at once; try again")

    async def grant_of(self, text: str) -> Grant | None:
        """Of a token that is good now; it stays so."""
        parts = self._parts(text)
        if parts is None:
            return None
        await self._revocations.refresh()
        try:
            family = _Family.parse((await self._records.get(COLLECTION, parts[0])).document)
        except NotFoundError:
            return None
        if family.current != self._hash(parts[1]) or self._ended(family) is not None:
            return None
        return family.grant

    async def revoke(self, text: str, client_id: str) -> None:
        """End the family, and all access tokens of the grant, if it is this client's."""
        parts = self._parts(text)
        if parts is None:
            return
        try:
            family = _Family.parse((await self._records.get(COLLECTION, parts[0])).document)
        except NotFoundError:
            return
        if family.grant.client_id == client_id:
            await self._revocations.revoke_grant(family.grant.id)

    async def _rotate(self, id: str, secret: str, client_id: str) -> Rotated | Refused:
        try:
            record = await self._records.get(COLLECTION, id)
        except NotFoundError:
            return Refused("unknown")
        family, shown = _Family.parse(record.document), self._hash(secret)
        ended = self._ended(family)
        if ended is not None:
            return ended
        if family.grant.client_id != client_id:
            return await self._stolen(family, "client")
        if shown == family.current:
            return await self._step(id, family, secret, expect=record.version)
        if shown == family.previous and self._clock() <= family.used_at + self._lifetimes.grace_s:
            return Rotated(self._text(id, self._next(secret, family.salt)), family.grant)
        return await self._stolen(family, "reused")

    async def _step(self, id: str, family: _Family, secret: str, *, expect: int) -> Rotated:
        salt = secrets.token_urlsafe(16)
        successor = self._next(secret, salt)
        stepped = replace(
            family,
            used_at=self._clock(),
            current=self._hash(successor),
            previous=family.current,
            salt=salt,
        )
        await self._records.put(COLLECTION, id, stepped.document(), expect=expect)
        return Rotated(self._text(id, successor), family.grant)

    async def _stolen(self, family: _Family, why: Literal["client", "reused"]) -> Refused:
        """The thief and the user cannot be told apart, so both lose it."""
        await self._revocations.revoke_grant(family.grant.id)
        if family.grant.sid:
            await self._revocations.revoke_session(family.grant.sid)
        return Refused(why)

    def _ended(self, family: _Family) -> Refused | None:
        if self._clock() >= self._ends_at(family):
            return Refused("expired")
        revoked = self._revocations.is_revoked(family.grant.claims())
        return Refused("revoked") if revoked else None

    def _ends_at(self, family: _Family) -> float:
        lives = self._lifetimes
        return min(family.used_at + lives.idle_s, family.made_at + lives.absolute_s)

    async def _sweep(self) -> None:
        """Delete a few of the oldest that have ended, so that the store does not grow forever."""
        oldest = await self._records.find(COLLECTION, newest_first=False, limit=_SWEPT_AT_ONCE)
        for record in oldest.items:
            if self._clock() >= self._ends_at(_Family.parse(record.document)):
                await self._records.delete(COLLECTION, record.id)

    def _next(self, secret: str, salt: str) -> str:
        return self._pepper.hash("refresh token successor", secret, salt)

    def _hash(self, secret: str) -> str:
        return self._pepper.hash("refresh token", secret)

    def _mark(self, id: str, secret: str) -> str:
        return self._pepper.hash("refresh token mark", id, secret)[:22]

    def _text(self, id: str, secret: str) -> str:
        return f"{id}.{secret}.{self._mark(id, secret)}"

    def _parts(self, text: str) -> tuple[str, str] | None:
        """Family and secret of a token that was made here: nobody can end a family by guessing."""
        parts = text.split(".") if len(text) <= _MAX_LENGTH else []
        if len(parts) != _PARTS:
            return None
        id, secret, mark = parts
        if not hmac.compare_digest(mark.encode(), self._mark(id, secret).encode()):
            return None
        return id, secret
