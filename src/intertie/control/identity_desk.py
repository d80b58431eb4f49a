"""What the use cases about identities share: the opened store, and whose things a caller sees."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from intertie.control.actor import Actor, ForbiddenError
from intertie.errors import ConflictError, NotFoundError
from intertie.identity.roles import GroupMapping
from intertie.store import Records
from intertie.suite.identity import Identity, Tenant
from intertie.suite.model import Suite
from intertie.suite.values import DEFAULT_TENANT

if TYPE_CHECKING:  # their libraries are large, and a suite without identities needs none of them
    from intertie.identity.identities import Identities
    from intertie.identity.keys import Key
    from intertie.identity.tokens.revocation import Revocations
    from intertie.identity.users import User

_NONE = (
    "cannot look at users and keys: the suite has no `identity:`; add `identity: {}` and run"
    " `intertie up`"
)
_WRITE = ("admin", "superuser")
_READ = ("user", "readonly")


@dataclass(frozen=True, slots=True)
class Rights:
    """Which roles open the management API (`api.roles`). Who may write may read."""

    write: tuple[str, ...] = _WRITE
    read: tuple[str, ...] = _READ


@dataclass(frozen=True, slots=True)
class Opened:
    """The identity store of a suite that has one."""

    identities: "Identities"
    records: Records
    revocations: "Revocations"


@dataclass(frozen=True, slots=True)
class IdentityDesk:
    """`opened` is None in a suite without `identity:`."""

    opened: Opened | None = None
    suite: Callable[[], Suite | None] = lambda: None
    """As it was applied last."""
    envoy: Path | None = None
    """Where the authorizer's socket is."""
    rights: Rights = Rights()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def seen_by(self, actor: Actor) -> Opened:
        """The store, for who looks at names. Raises AccessDeniedError, ConflictError."""
        actor.require_sight()
        return self._open()

    def managed_by(self, actor: Actor) -> Opened:
        """The store, for who sees and changes everything in it. Raises the same."""
        actor.require_management()
        return self._open()

    def scope(self, actor: Actor, tenant: str | None) -> str | None:
        """The tenant that a caller asks about; None is all of them. Raises NotFoundError."""
        own = actor.reach.tenant
        if tenant is None:
            return own
        if (own is not None and tenant != own) or tenant not in self.tenants:
            raise NotFoundError(f"cannot find tenant {tenant[:80]!r}")
        return tenant

    def may_give(
        self, actor: Actor, roles: Iterable[str] = (), *, groups: Iterable[str] = ()
    ) -> None:
        """Raise ForbiddenError if a tenant's manager would give a role that it lacks itself.

        Those that only look are anybody's to give.
        """
        if actor.reach.tenant is None:
            return
        by_groups = (role for group in groups for role in self.mapping.get(group, ()))
        lacking = sorted({*roles, *by_groups} - {*actor.reach.roles, *self.rights.read})
        if lacking:
            raise ForbiddenError(
                f"cannot give {', '.join(lacking)} as {actor.name}: it has not got it itself; ask"
                " somebody of the default tenant"
            )

    def home(self, actor: Actor, tenant: str | None) -> str:
        """The tenant that something new is made in: the caller's own, unless it says another."""
        return self.scope(actor, tenant) or DEFAULT_TENANT

    async def user(self, actor: Actor, id: str) -> "User":
        """A user within the caller's reach. Raises NotFoundError: others are as if not there."""
        user = await self._open().identities.users.get(id)
        if not _within(actor, user.tenant):
            raise NotFoundError(f"cannot find user {id[:80]!r}")
        return user

    async def key(self, actor: Actor, id: str) -> "Key":
        """The same for API keys."""
        key = await self._open().identities.keys.get(id)
        if not _within(actor, key.tenant):
            raise NotFoundError(f"cannot find API key {id[:80]!r}")
        return key

    async def end_tokens(self, user: "User") -> None:
        """No token that was made for the user so far is good any longer."""
        opened = self._open()
        await opened.revocations.revoke_subject(opened.identities.users.principal(user))

    @property
    def tenants(self) -> dict[str, Tenant]:
        """All of the suite, and the default one."""
        suite = self.suite()
        return {DEFAULT_TENANT: Tenant(), **(suite.tenants if suite else {})}

    @property
    def mapping(self) -> GroupMapping:
        """Which groups have which roles, by the suite."""
        return self._identity.rbac_integration.group_mapping

    @property
    def idle_s(self) -> float:
        """A session that nobody used for so long has ended."""
        return self._identity.sso_configuration.idle_timeout

    @property
    def _identity(self) -> Identity:
        suite = self.suite()
        return (suite.identity if suite else None) or Identity()

    def _open(self) -> Opened:
        if self.opened is None:
            raise ConflictError(_NONE)
        return self.opened


def require_all_tenants(actor: Actor, what: str) -> None:
    """Raise ForbiddenError for a caller that sees one tenant only."""
    if actor.reach.tenant is not None:
        raise ForbiddenError(f"cannot {what} as {actor.name}: it is about all tenants")


def _within(actor: Actor, tenant: str) -> bool:
    return actor.reach.tenant in {None, tenant}
