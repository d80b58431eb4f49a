"""Codes of an authenticator app (RFC 6238), and the recovery codes for when it is lost."""

import base64
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Literal

from pyotp.totp import TOTP

from intertie.errors import AccessDeniedError, ConflictError
from intertie.identity.audit import Actor
from intertie.identity.store import Desk, scoped
from intertie.identity.throttle import Pace, Throttle
from intertie.identity.users import Credentials, User, Users, next_epoch

RECOVERY_CODES = 10
_STEP_S = 30
_SECRET_BYTES = 20
_RECOVERY_BYTES = 8
_PENDING = timedelta(minutes=15)
_PURPOSE = "recovery"

Proof = Literal["totp", "recovery"]


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an app needs to make codes: shown once, until a code confirms it."""

    secret: str = field(repr=False)
    """In base32, to be typed."""
    uri: str = field(repr=False)
    """The same, to be shown as a QR code."""


class Totps:
    """The apps of all users, one each."""

    def __init__(self, desk: Desk, users: Users, *, issuer: str) -> None:
        self._desk = desk
        self._users = users
        self._issuer = issuer
        self._tries = Throttle(Pace(), now=desk.now)

    async def enrol(self, actor: Actor, user_id: str) -> Enrolment:
        """Begin: nothing changes for the user until `confirm`."""
        user = await self._users.get(user_id)
        secret = base64.b32encode(self._desk.random(_SECRET_BYTES)).decode()
        sealed = self._desk.sealer.seal(secret.encode(), purpose=_bound(user_id))
        until = self._desk.now() + _PENDING
        async with self._desk.told(actor, "totp.enrol", _target(user)):
            await self._ensure(user_id)
            await self._users.credentials.edit(
                user_id, lambda now: replace(now, totp_pending=sealed, totp_pending_until=until)
            )
        uri = TOTP(secret).provisioning_uri(name=user.login, issuer_name=self._issuer)
        return Enrolment(secret, uri)

    async def confirm(self, actor: Actor, user_id: str, code: str) -> Sequence[str]:
        """Prove that the app works; it counts from now on. Gives new recovery codes, shown once.

        Raises AccessDeniedError for a wrong code, ConflictError when nothing was begun.
        """
        user = await self._users.get(user_id)
        texts = self._recovery()
        async with self._desk.change(actor, "totp.confirm", _target(user)):
            self._pace(user_id)
            await self._users.credentials.edit(
                user_id, lambda now: self._confirmed(now, user_id, code, texts)
            )
            await self._users.shelf.edit(user_id, next_epoch)
        self._tries.forgive(user_id)
        return texts

    async def check(self, actor: Actor, user_id: str, code: str) -> Proof:
        """Accept a code of the app, or a recovery code: each once, whoever asks at the same time.

        Raises AccessDeniedError.
        """
        user = await self._users.get(user_id)
        async with self._desk.told(actor, "totp.check", _target(user)):
            self._pace(user_id)
            proof: Proof = "totp" if len(code) == 6 else "recovery"  # noqa: PLR2004 — RFC 6238
            await self._ensure(user_id)
            await self._users.credentials.edit(user_id, lambda now: self._spent(now, user_id, code))
        self._tries.forgive(user_id)
        return proof

    async def remove(self, actor: Actor, user_id: str) -> None:
        """Forget the app and the recovery codes."""
        user = await self._users.get(user_id)
        async with self._desk.change(actor, "totp.remove", _target(user)):
            await self._users.credentials.edit(user_id, _removed)

    async def is_on(self, user_id: str) -> bool:
        """Whether the user has confirmed an app."""
        kept = await self._users.credentials.find(user_id)
        return kept is not None and kept.totp is not None

    async def reseal(self) -> int:
        """After the master key was rotated: seal anew what older ones have sealed; how many."""
        count = 0
        sealer = self._desk.sealer
        async for user in self._users.shelf.every():
            kept = await self._users.credentials.find(user.id)
            if kept is not None and any(
                sealed and sealer.stale(sealed) for sealed in (kept.totp, kept.totp_pending)
            ):
                await self._users.credentials.edit(user.id, partial(self._resealed, user.id))
                count += 1
        return count

    def _pace(self, user_id: str) -> None:
        wait_s = self._tries.wait_s(user_id)
        if wait_s > 0:
            raise AccessDeniedError(f"cannot check the code: wait {wait_s:.0f} s and try again")
        self._tries.begin(user_id)

    def _confirmed(
        self, now: Credentials, user_id: str, code: str, texts: Sequence[str]
    ) -> Credentials:
        end = now.totp_pending_until
        if now.totp_pending is None or end is None or end <= self._desk.now():
            raise ConflictError("cannot confirm the app: begin again, it took too long")
        step = self._step(now.totp_pending, user_id, code, after=0)
        return replace(
            now,
            totp=now.totp_pending,
            totp_pending=None,
            totp_pending_until=None,
            totp_step=step,
            recovery=self._codes(user_id, texts),
        )

    def _spent(self, now: Credentials, user_id: str, code: str) -> Credentials:
        kept = _enrolled(now)
        if len(code) == 6:  # noqa: PLR2004 — RFC 6238
            step = self._step(kept.totp or "", user_id, code, after=kept.totp_step)
            return replace(kept, totp_step=step)
        plain = _normal(code)
        left = tuple(
            stored
            for stored in kept.recovery
            if not self._desk.sealer.proves(plain, stored, purpose=f"{_PURPOSE}:{user_id}")
        )
        if len(left) == len(kept.recovery):
            raise AccessDeniedError("cannot accept the code: it is wrong or was used before")
        return replace(kept, recovery=left)

    def _step(self, sealed: str, user_id: str, code: str, *, after: int) -> int:
        """Which of the steps around now the code is of: newer than the last one accepted."""
        secret = self._desk.sealer.unseal(sealed, purpose=_bound(user_id)).decode()
        app = TOTP(secret)
        current = int(self._desk.now().timestamp()) // _STEP_S
        for step in (current - 1, current, current + 1):
            if step > after and _same(app.generate_otp(step), code):
                return step
        raise AccessDeniedError("cannot accept the code: it is wrong or was used before")

    def _recovery(self) -> Sequence[str]:
        return [_spelt(self._desk.random(_RECOVERY_BYTES)) for _ in range(RECOVERY_CODES)]

    def _codes(self, user_id: str, texts: Sequence[str]) -> tuple[str, ...]:
        purpose = f"{_PURPOSE}:{user_id}"
        return tuple(self._desk.sealer.code(_normal(text), purpose=purpose) for text in texts)

    def _resealed(self, user_id: str, now: Credentials) -> Credentials:
        def again(sealed: str | None) -> str | None:
            return sealed and self._desk.sealer.reseal(sealed, purpose=_bound(user_id))

        return replace(now, totp=again(now.totp), totp_pending=again(now.totp_pending))

    async def _ensure(self, user_id: str) -> None:
        if await self._users.credentials.find(user_id) is None:
            await self._users.credentials.put(user_id, Credentials())


def _enrolled(now: Credentials) -> Credentials:
    if now.totp is None:
        raise AccessDeniedError("cannot accept the code: no authenticator app is set up")
    return now


def _removed(now: Credentials) -> Credentials:
    return replace(now, totp=None, totp_pending=None, totp_pending_until=None, recovery=())


def _same(code: str, shown: str) -> bool:
    return hmac.compare_digest(code.encode(), shown.encode("utf-8", "replace"))


def _target(user: User) -> str:
    return scoped(user.tenant, user.login)


def _bound(user_id: str) -> str:
    return f"totp:{user_id}"


def _spelt(code: bytes) -> str:
    text = base64.b32encode(code).decode().rstrip("=").lower()
    return f"{text[:5]}-{text[5:]}"


def _normal(code: str) -> bytes:
    return code[:64].replace("-", "").replace(" ", "").lower().encode("utf-8", "replace")
