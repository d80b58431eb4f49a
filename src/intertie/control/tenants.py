"""Tenants: what the suite file says of each, and how much there is of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intertie.control.actor import Actor
from intertie.control.identity_desk import IdentityDesk
from intertie.errors import NotFoundError
from intertie.suite.identity import Tenant

if TYPE_CHECKING:  # its library is large, and needed when somebody asks only
    from intertie.control.usage import Used


@dataclass(frozen=True, slots=True)
class TenantInfo:
    """A tenant, and how many users and keys it has."""

    name: str
    tenant: Tenant
    users: int
    keys: int


@dataclass(frozen=True, slots=True)
class TenantControl:
    """Tenants are declared in the suite file; nothing changes them here."""

    desk: IdentityDesk

    async def list(self, actor: Actor) -> Sequence[TenantInfo]:
        """Those that the caller sees, by name."""
        self.desk.seen_by(actor)
        own = self.desk.scope(actor, None)
        return [await self._info(name) for name in sorted(self.desk.tenants) if own in {None, name}]

    async def show(self, actor: Actor, name: str) -> TenantInfo:
        """One of them. Raises NotFoundError."""
        self.desk.seen_by(actor)
        self.desk.scope(actor, name)
        return await self._info(name)

    async def usage(self, actor: Actor, name: str, client: str | None = None) -> "Sequence[Used]":
        """How much of the tenant's limits is used, or of those of one client: `key:…`, `user:…`.

        Raises GatewayError when the door does not answer.
        """
        self.desk.managed_by(actor)
        self.desk.scope(actor, name)
        if self.desk.envoy is None:
            raise NotFoundError("cannot tell what is used: the suite has no gateway")
        from intertie.control.usage import ask  # noqa: PLC0415

        return await ask(self.desk.envoy, name, client)

    async def _info(self, name: str) -> TenantInfo:
        opened = self.desk.opened
        if opened is None:
            return TenantInfo(name, self.desk.tenants[name], 0, 0)
        _, users = await opened.identities.users.list(tenant=name, limit=1)
        _, keys = await opened.identities.keys.list(tenant=name, limit=1)
        return TenantInfo(name, self.desk.tenants[name], users, keys)
