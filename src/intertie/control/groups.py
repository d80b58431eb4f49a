"""Groups and roles: who is in which, and what it opens."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from intertie.control.actor import Actor
from intertie.control.identity_desk import IdentityDesk
from intertie.control.people import People, Wanted
from intertie.errors import ConflictError, NotFoundError
from intertie.suite.route import Route

if TYPE_CHECKING:  # its libraries are large, and a suite without identities needs none of them
    from intertie.identity.users import User


@dataclass(frozen=True, slots=True)
class GroupInfo:
    """A group of one tenant, or of the suite file and so of every tenant."""

    name: str
    tenant: str | None
    """None is every tenant."""
    description: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RouteRef:
    """A route of the gateway."""

    path: str
    methods: tuple[str, ...]
    service: str | None


@dataclass(frozen=True, slots=True)
class RoleInfo:
    """A role, what gives it, and what it opens."""

    name: str
    groups: tuple[str, ...]
    """Those of the suite file that give it."""
    routes: tuple[RouteRef, ...]
    """Those that need it, or another one."""
    api: str | None
    """`write` or `read` when it opens the management API."""


@dataclass(frozen=True, slots=True)
class GroupControl:
    """Groups. Which roles they give is said in the suite file."""

    desk: IdentityDesk

    async def list(self, actor: Actor, tenant: str | None = None) -> Sequence[GroupInfo]:
        """Those of the suite file, then those of a tenant, or of all that the caller sees."""
        opened = self.desk.seen_by(actor)
        wanted = self.desk.scope(actor, tenant)
        names = [wanted] if wanted is not None else sorted(self.desk.tenants)
        mapping = self.desk.mapping
        declared = [GroupInfo(name, None, "", tuple(roles)) for name, roles in mapping.items()]
        made = [
            GroupInfo(group.name, name, group.description, tuple(mapping.get(group.name, ())))
            for name in names
            for group in await opened.identities.groups.list(tenant=name)
            if group.name not in mapping
        ]
        return [*declared, *made]

    async def show(self, actor: Actor, name: str, tenant: str | None = None) -> GroupInfo:
        """One of them. Raises NotFoundError."""
        for group in await self.list(actor, tenant):
            if group.name == name and (group.tenant in {None, tenant or group.tenant}):
                return group
        raise NotFoundError(f"cannot find group {name[:80]!r}")

    async def create(
        self, actor: Actor, name: str, *, tenant: str | None = None, description: str = ""
    ) -> GroupInfo:
        """A new one. Raises ConflictError if there is one of that name."""
        opened = self.desk.managed_by(actor)
        home = self.desk.home(actor, tenant)
        known = await opened.identities.groups.list(tenant=home)
        if name in self.desk.mapping or any(group.name == name for group in known):
            raise ConflictError(f"cannot create group {name[:80]!r}: there is one of that name")
        group = await opened.identities.groups.create(
            actor.author, name, tenant=home, description=description
        )
        return GroupInfo(group.name, group.tenant, group.description, ())

    async def delete(self, actor: Actor, name: str, *, tenant: str | None = None) -> None:
        """Take everyone out of it and remove it. Raises NotFoundError."""
        opened = self.desk.managed_by(actor)
        if name in self.desk.mapping:
            raise ConflictError(
                f"cannot delete group {name[:80]!r}: it is in `group_mapping` of the suite file"
            )
        home = self.desk.home(actor, tenant)
        await opened.identities.groups.delete(actor.author, name, tenant=home)


@dataclass(frozen=True, slots=True)
class RoleControl:
    """Roles: names that groups give and routes need."""

    desk: IdentityDesk
    people: People

    async def list(self, actor: Actor) -> Sequence[RoleInfo]:
        """All that anything in the suite file names, sorted."""
        self.desk.seen_by(actor)
        rights = self.desk.rights
        named = chain(
            chain.from_iterable(self.desk.mapping.values()),
            chain.from_iterable(route.roles for route in self._routes(actor)),
            rights.read,
            rights.write,
        )
        return [self._info(actor, name) for name in sorted(set(named))]

    async def show(self, actor: Actor, name: str) -> RoleInfo:
        """One of them; also one that only users and keys name. Raises NotFoundError."""
        self.desk.seen_by(actor)
        if name in {role.name for role in await self.list(actor)}:
            return self._info(actor, name)
        if actor.reach.manages and (await self.holders(actor, name, page=1, limit=1))[1]:
            return self._info(actor, name)
        raise NotFoundError(f"cannot find role {name[:80]!r}: nothing names it")

    async def holders(
        self, actor: Actor, name: str, *, page: int, limit: int
    ) -> "tuple[Sequence[User], int]":
        """The users who have it, and how many."""
        return await self.people.list(actor, Wanted(role=name), page=page, limit=limit)

    def _routes(self, actor: Actor) -> Sequence[Route]:
        """Of the suite, and of the tenants that the caller sees."""
        suite = self.desk.suite()
        gateway = suite.gateway if suite else None
        own = self.desk.scope(actor, None)
        tenants = self.desk.tenants.items()
        of_tenants = [tenant.routes for name, tenant in tenants if own in {None, name}]
        return [*(gateway.routes if gateway else ()), *chain.from_iterable(of_tenants)]

    def _info(self, actor: Actor, name: str) -> RoleInfo:
        rights = self.desk.rights
        api = "write" if name in rights.write else "read" if name in rights.read else None
        return RoleInfo(
            name,
            tuple(group for group, roles in self.desk.mapping.items() if name in roles),
            tuple(
                RouteRef(route.path, tuple(route.methods), route.service)
                for route in self._routes(actor)
                if name in route.roles
            ),
            api,
        )
