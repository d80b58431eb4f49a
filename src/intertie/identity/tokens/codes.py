"""Authorization codes: good once, for a minute, for the client and address they were made for."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from intertie.errors import ConflictError, NotFoundError
from intertie.identity.tokens import base64url
from intertie.identity.tokens.grant import Grant
from intertie.identity.tokens.pepper import Pepper
from intertie.identity.tokens.revocation import Revocations
from intertie.store import Record, Records

COLLECTION = "authorization_codes"
LIFETIME_S = 60.0
_KEPT_S = 3600.0
_SWEPT_AT_ONCE = 20
_MAX_LENGTH = 128
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
"""What S256 gives (RFC 7636)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the client asked for, and must show again or gets back in the ID token."""

    redirect_uri: str
    challenge: str
    """PKCE, S256."""
    nonce: str = ""


@dataclass(frozen=True, slots=True)
class Redeemed:
    """What a good code gives, once."""

    grant: Grant
    nonce: str


@dataclass(frozen=True, slots=True)
class BadCode:
    """Nothing is given. `used` ended all that the first use gave."""

    why: Literal["unknown", "expired", "client", "redirect", "verifier", "used", "revoked"]


class Codes:
    """`clock` gives seconds since 1970."""

    def __init__(
        self,
        records: Records,
        pepper: Pepper,
        revocations: Revocations,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._records = records
        self._pepper = pepper
        self._revocations = revocations
        self._clock = clock

    async def issue(self, grant: Grant, asked: Asked) -> str:
        """A code for the grant."""
        await self._sweep()
        code = secrets.token_urlsafe(32)
        document = {
            "grant": grant.document(),
            "asked": asdict(asked),
            "until": self._clock() + LIFETIME_S,
            "used": False,
        }
        await self._records.put(COLLECTION, self._id(code), document, expect=0)
        return code

    async def redeem(
        self, code: str, *, client_id: str, redirect_uri: str, verifier: str
    ) -> Redeemed | BadCode:
        """The grant, for whoever made the challenge."""
        if len(code) > _MAX_LENGTH:
            return BadCode("unknown")
        try:
            record = await self._records.get(COLLECTION, self._id(code))
        except NotFoundError:
            return BadCode("unknown")
        told = record.document
        grant, asked = Grant.parse(told["grant"]), Asked(**told["asked"])
        if grant.client_id == client_id and told["used"]:
            return await self._used_again(grant)
        fault = _fault(grant, asked, client_id=client_id, redirect_uri=redirect_uri)
        if self._clock() >= told["until"]:
            fault = BadCode("expired")
        if fault is None and not _answers(asked.challenge, verifier):
            fault = BadCode("verifier")
        if fault is not None:
            return fault
        await self._revocations.refresh()
        if self._revocations.is_revoked(grant.claims()):  # logged out since
            return BadCode("revoked")
        return await self._use(record, grant, asked)

    async def _use(self, record: Record, grant: Grant, asked: Asked) -> Redeemed | BadCode:
        try:
            used = {**record.document, "used": True}
            await self._records.put(COLLECTION, record.id, used, expect=record.version)
        except ConflictError:  # two at once: neither keeps it
            return await self._used_again(grant)
        return Redeemed(grant, asked.nonce)

    async def _used_again(self, grant: Grant) -> BadCode:
        await self._revocations.revoke_grant(grant.id)
        return BadCode("used")

    async def _sweep(self) -> None:
        oldest = await self._records.find(COLLECTION, newest_first=False, limit=_SWEPT_AT_ONCE)
        for record in oldest.items:
            if self._clock() >= record.document["until"] + _KEPT_S:
                await self._records.delete(COLLECTION, record.id)

    def _id(self, code: str) -> str:
        return self._pepper.hash("authorization code", code)


def _fault(grant: Grant, asked: Asked, *, client_id: str, redirect_uri: str) -> BadCode | None:
    if grant.client_id != client_id:
        return BadCode("client")
    return None if asked.redirect_uri == redirect_uri else BadCode("redirect")


def _answers(challenge: str, verifier: str) -> bool:
    if not _VERIFIER.fullmatch(verifier):
        return False
    made = base64url.encode(hashlib.sha256(verifier.encode()).digest())
    return hmac.compare_digest(made, challenge)
