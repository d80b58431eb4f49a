"""API keys: made, listed, rotated and ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Unpack

from intertie.control.actor import Actor
from intertie.control.identity_desk import IdentityDesk
from intertie.errors import ConflictError

if TYPE_CHECKING:  # its libraries are large, and a suite without identities needs none of them
    from intertie.identity.keys import Key, KeyFields, NewKey

KeyState = Literal["active", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class KeyInfo:
    """A key as it is told: nothing in it opens anything."""

    key: "Key"
    state: KeyState
    last_used: datetime | None
    """To the hour."""


@dataclass(frozen=True, slots=True)
class KeyControl:
    """Each change is written into the audit trail."""

    desk: IdentityDesk

    async def list(
        self,
        actor: Actor,
        *,
        tenant: str | None = None,
        owner: str | None = None,
        page: int,
        limit: int,
    ) -> tuple[Sequence[KeyInfo], int]:
        """A page of them, oldest first, and how many there are."""
        keys = self.desk.managed_by(actor).identities.keys
        found, total = await keys.list(
            tenant=self.desk.scope(actor, tenant),
            owner=owner,
            limit=limit,
            offset=(page - 1) * limit,
        )
        return [await self._info(key) for key in found], total

    async def show(self, actor: Actor, id: str) -> KeyInfo:
        """One of them. Raises NotFoundError."""
        self.desk.managed_by(actor)
        return await self._info(await self.desk.key(actor, id))

    async def create(self, actor: Actor, name: str, **fields: "Unpack[KeyFields]") -> "NewKey":
        """A new one, with its text: the only sight of it. An owner is within the same tenant."""
        keys = self.desk.managed_by(actor).identities.keys
        expires = fields.get("expires")
        if expires is not None and expires <= self.desk.now():
            raise ConflictError("cannot make an API key: it would have expired already")
        fields["tenant"] = self.desk.home(actor, fields.get("tenant"))
        self.desk.may_give(actor, fields.get("roles", ()))
        return await keys.create(actor.author, name, **fields)

    async def rotate(self, actor: Actor, id: str, *, overlap_s: float) -> "NewKey":
        """A new text; the one before goes on for so long. Raises ConflictError."""
        keys = self.desk.managed_by(actor).identities.keys
        await self.desk.key(actor, id)
        return await keys.rotate(actor.author, id, overlap_s=overlap_s)

    async def rotate_master(self, actor: Actor) -> int:
        """Seal all that is kept sealed under a new master key; how many keys and apps that were."""
        actor.require_write()
        identities = self.desk.managed_by(actor).identities
        return await identities.rotate_master(actor.author)

    async def revoke(self, actor: Actor, id: str) -> KeyInfo:
        """End it at once, for good; it stays in the list."""
        keys = self.desk.managed_by(actor).identities.keys
        await self.desk.key(actor, id)
        return await self._info(await keys.revoke(actor.author, id))

    async def delete(self, actor: Actor, id: str) -> None:
        """Take it out of the list too."""
        keys = self.desk.managed_by(actor).identities.keys
        await self.desk.key(actor, id)
        await keys.delete(actor.author, id)

    def told(self, made: "NewKey") -> KeyInfo:
        """A key that was made just now."""
        return KeyInfo(made.key, self._state(made.key), None)

    async def _info(self, key: "Key") -> KeyInfo:
        opened = self.desk.opened
        used = await opened.identities.keys.last_used(key.id) if opened else None
        return KeyInfo(key, self._state(key), used)

    def _state(self, key: "Key") -> KeyState:
        if key.revoked is not None:
            return "revoked"
        from intertie.identity.keys import active  # noqa: PLC0415

        return "active" if active(key, self.desk.now()) else "expired"
