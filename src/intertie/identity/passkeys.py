"""Passkeys (Web Authentication): a key pair in the user's device, checked by signature.

The answers of browsers are verified by the `webauthn` package, which is optional.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import ModuleType
from typing import TYPE_CHECKING

from intertie.errors import AccessDeniedError, ConflictError, IntertieError, NotFoundError
from intertie.identity.audit import Actor
from intertie.identity.challenges import Challenges
from intertie.identity.store import Desk, Shelf, plain, scoped
from intertie.identity.users import User, Users

if TYPE_CHECKING:
    from webauthn.authentication.verify_authentication_response import VerifiedAuthentication
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor
    from webauthn.registration.verify_registration_response import VerifiedRegistration

MAX_PASSKEYS = 20
MAX_ANSWER_CHARACTERS = 64 * 1024
_REGISTER = "passkey-register"
_SIGN_IN = "passkey-sign-in"


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """What passkeys are bound to, as browsers see it."""

    id: str
    """The host, without port: `app.example.com`."""
    name: str
    origins: tuple[str, ...]
    """`https://app.example.com`, with the port if it is not the usual one."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """One of a user."""

    id: str
    user: str
    name: str
    created: datetime
    public_key: str
    """COSE, base64url."""
    sign_count: int
    synced: bool
    """Whether it is kept with the maker of the device, and so survives its loss."""
    used: datetime | None = None


class Passkeys:
    """The passkeys of all users."""

    def __init__(self, desk: Desk, users: Users, *, party: RelyingParty) -> None:
        self._desk = desk
        self._users = users
        self._party = party
        self._shelf = Shelf(desk.records, "identity_passkeys", Passkey)
        self._challenges = Challenges(desk)

    async def of(self, user_id: str) -> Sequence[Passkey]:
        """Those of a user, oldest first."""
        return [key async for key in self._shelf.every({"user": user_id})]

    async def registration(self, user_id: str) -> str:
        """What `navigator.credentials.create()` is to be given, as JSON."""
        webauthn, structs = _webauthn()
        user = await self._users.get(user_id)
        known = await self.of(user_id)
        if len(known) >= MAX_PASSKEYS:
            raise ConflictError(f"cannot add a passkey: there are {len(known)}; remove one first")
        options = webauthn.generate_registration_options(
            rp_id=self._party.id,
            rp_name=self._party.name,
            user_id=user.id.encode(),
            user_name=user.login,
            user_display_name=user.name or user.login,
            challenge=self._challenges.make(f"{_REGISTER}:{user.id}"),
            exclude_credentials=_descriptors(known),
            authenticator_selection=structs.AuthenticatorSelectionCriteria(
                resident_key=structs.ResidentKeyRequirement.PREFERRED,
                user_verification=structs.UserVerificationRequirement.REQUIRED,
            ),
        )
        text: str = webauthn.options_to_json(options)
        return text

    async def register(self, actor: Actor, user_id: str, answer: str, *, name: str = "") -> Passkey:
        """Take what the browser answered. Raises AccessDeniedError unless all of it is right."""
        user = await self._users.get(user_id)
        async with self._desk.change(actor, "passkey.register", _target(user)):
            challenge = self._answered(answer, f"{_REGISTER}:{user.id}")
            verified = self._registered(answer, challenge)
            await self._challenges.use_up(challenge)
            key = Passkey(
                id=_encode(verified.credential_id),
                user=user.id,
                name=plain(name) or "passkey",
                created=self._desk.now(),
                public_key=_encode(verified.credential_public_key),
                sign_count=verified.sign_count,
                synced=verified.credential_backed_up,
            )
            # An authenticator that is known, of whomever, is not taken a second time.
            await self._shelf.add(key.id, key)
        return key

    async def sign_in(self, user_id: str | None = None) -> str:
        """What `navigator.credentials.get()` is to be given, as JSON.

        Without a user the device offers what it has for this host.
        """
        webauthn, structs = _webauthn()
        known = await self.of(user_id) if user_id else []
        options = webauthn.generate_authentication_options(
            rp_id=self._party.id,
            challenge=self._challenges.make(_SIGN_IN),
            allow_credentials=_descriptors(known),
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        )
        text: str = webauthn.options_to_json(options)
        return text

    async def check(self, actor: Actor, answer: str, *, user_id: str | None = None) -> User:
        """Who has answered. As a second factor `user_id` is who it must be.

        Raises AccessDeniedError.
        """
        async with self._desk.told(actor, "passkey.sign-in", user_id or "-"):
            challenge = self._answered(answer, _SIGN_IN)
            key = await self._shelf.find(_text(answer, "id"))
            if key is None or (user_id is not None and key.user != user_id):
                raise AccessDeniedError("cannot sign in: the passkey is not known")
            self._check_handle(answer, key)
            verified = self._verified(answer, challenge, key)
            await self._challenges.use_up(challenge)
            await self._shelf.edit(key.id, lambda now: self._counted(now, verified.new_sign_count))
            user = await self._users.get(key.user)
            if not user.enabled:
                raise AccessDeniedError("cannot sign in: the user is disabled")
        return user

    async def remove(self, actor: Actor, user_id: str, id: str) -> None:
        """Forget one. Raises NotFoundError."""
        user = await self._users.get(user_id)
        async with self._desk.change(actor, "passkey.remove", _target(user), {"id": id}):
            key = await self._shelf.find(id)
            if key is None or key.user != user_id:
                raise NotFoundError(f"cannot find passkey {id[:80]!r}")
            await self._shelf.delete(id)

    async def remove_all(self, user_id: str) -> None:
        """Of a user that is deleted."""
        for key in await self.of(user_id):
            await self._shelf.delete(key.id)

    def _answered(self, answer: str, purpose: str) -> bytes:
        if len(answer) > MAX_ANSWER_CHARACTERS:
            raise AccessDeniedError("cannot accept the answer: it is too long")
        client = _decode(_text(answer, "response", "clientDataJSON"))
        challenge = _decode(_text(client.decode("utf-8", "replace"), "challenge"))
        self._challenges.check(challenge, purpose)
        return challenge

    def _registered(self, answer: str, challenge: bytes) -> "VerifiedRegistration":
        webauthn, _ = _webauthn()
        from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

        try:
            verified: VerifiedRegistration = webauthn.verify_registration_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self._party.id,
                expected_origin=list(self._party.origins),
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as exc:
            raise AccessDeniedError(f"cannot add the passkey: {exc}") from exc
        return verified

    def _verified(self, answer: str, challenge: bytes, key: Passkey) -> "VerifiedAuthentication":
        webauthn, _ = _webauthn()
        from webauthn.helpers.exceptions import WebAuthnException  # noqa: PLC0415

        try:
            verified: VerifiedAuthentication = webauthn.verify_authentication_response(
                credential=answer,
                expected_challenge=challenge,
                expected_rp_id=self._party.id,
                expected_origin=list(self._party.origins),
                credential_public_key=_decode(key.public_key),
                credential_current_sign_count=key.sign_count,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, KeyError, TypeError) as exc:
            raise AccessDeniedError(f"cannot sign in: {exc}") from exc
        return verified

    def _check_handle(self, answer: str, key: Passkey) -> None:
        response = _object(answer).get("response")
        handle = response.get("userHandle") if isinstance(response, dict) else None
        if handle and (not isinstance(handle, str) or _decode(handle) != key.user.encode()):
            raise AccessDeniedError("cannot sign in: the passkey is another user's")

    def _counted(self, now: Passkey, count: int) -> Passkey:
        # Stored by whoever was first: the same count twice is a copy of the device.
        if (now.sign_count or count) and count <= now.sign_count:
            raise AccessDeniedError("cannot sign in: the passkey was used elsewhere meanwhile")
        return replace(now, sign_count=count, used=self._desk.now())


def _webauthn() -> tuple[ModuleType, ModuleType]:
    try:
        import webauthn  # noqa: PLC0415 — optional
        from webauthn.helpers import structs  # noqa: PLC0415
    except ImportError as exc:
        raise IntertieError("cannot use passkeys: install intertie[passkeys]") from exc
    return webauthn, structs


def _descriptors(keys: Sequence[Passkey]) -> "list[PublicKeyCredentialDescriptor]":
    _, structs = _webauthn()
    return [structs.PublicKeyCredentialDescriptor(id=_decode(key.id)) for key in keys]


def _target(user: User) -> str:
    return scoped(user.tenant, user.login)


def _object(text: str) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise AccessDeniedError("cannot accept the answer: expected a JSON object")
    return found


def _text(text: str, *path: str) -> str:
    found: object = _object(text)
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, str):
        raise AccessDeniedError(f"cannot accept the answer: {'.'.join(path)} is missing")
    return found


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        raise AccessDeniedError("cannot accept the answer: it is not base64url") from None
