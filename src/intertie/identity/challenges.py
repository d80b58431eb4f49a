"""Challenges that are remembered only once they were answered.

A challenge carries its own end and a code that proves it was made here. So nobody fills the store
by asking for challenges, and each is still good for one answer only.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from intertie.errors import AccessDeniedError, ConflictError, StoreError
from intertie.identity.store import Desk, Shelf

_NONCE_BYTES = 16
_END_BYTES = 8
_KEY_ID_BYTES = 4
_CODE_BYTES = 32
_PURGE = 50


@dataclass(frozen=True, slots=True)
class _Used:
    until: datetime


class Challenges:
    """Random bytes for one purpose and one user, good for `lifetime_s`."""

    def __init__(self, desk: Desk, *, lifetime_s: float = 300.0) -> None:
        self._desk = desk
        self._lifetime = timedelta(seconds=lifetime_s)
        self._shelf = Shelf(desk.records, "identity_used", _Used)

    def make(self, purpose: str) -> bytes:
        """A new one. `purpose` names what it is for, and for whom."""
        end = int((self._desk.now() + self._lifetime).timestamp())
        body = self._desk.random(_NONCE_BYTES) + end.to_bytes(_END_BYTES)
        key_id, _, code = self._desk.sealer.code(body, purpose=_bound(purpose)).partition(".")
        return body + bytes.fromhex(key_id) + bytes.fromhex(code)

    def check(self, challenge: bytes, purpose: str) -> None:
        """Raise AccessDeniedError unless it was made here, for this, and not too long ago."""
        cut = _NONCE_BYTES + _END_BYTES
        code_at = cut + _KEY_ID_BYTES
        body, key_id, code = challenge[:cut], challenge[cut:code_at], challenge[code_at:]
        shown = f"{key_id.hex()}.{code.hex()}"
        if len(code) != _CODE_BYTES or not self._is_ours(body, shown, purpose):
            raise AccessDeniedError("cannot accept the answer: the challenge is not from here")
        if self._desk.now() >= _end(challenge):
            raise AccessDeniedError("cannot accept the answer: it took too long; try again")

    async def use_up(self, challenge: bytes) -> None:
        """Raise AccessDeniedError if it was answered before. For after everything else is right."""
        await self._purge()
        try:
            await self._shelf.add(sha256(challenge).hexdigest(), _Used(_end(challenge)))
        except ConflictError:
            raise AccessDeniedError("cannot accept the answer: it was given before") from None

    def _is_ours(self, body: bytes, shown: str, purpose: str) -> bool:
        try:
            return self._desk.sealer.proves(body, shown, purpose=_bound(purpose))
        except StoreError:
            return False  # it names a master key that never was

    async def _purge(self) -> None:
        page = await self._desk.records.find("identity_used", newest_first=False, limit=_PURGE)
        for record in page.items:
            used = await self._shelf.find(record.id)
            if used is not None and used.until <= self._desk.now():
                await self._shelf.delete(record.id)


def _end(challenge: bytes) -> datetime:
    seconds = int.from_bytes(challenge[_NONCE_BYTES : _NONCE_BYTES + _END_BYTES])
    return datetime.fromtimestamp(seconds, UTC)


def _bound(purpose: str) -> str:
    return f"challenge:{purpose}"
