"""Groups: names that users of a tenant have in common. Roles of a group are in the suite."""

from collections.abc import Sequence
from dataclasses import replace

from intertie.errors import NotFoundError
from intertie.identity.audit import Actor
from intertie.identity.roles import GROUPS, Group
from intertie.identity.store import Desk, Shelf, check_name, plain, scoped
from intertie.identity.users import User, Users
from intertie.suite.values import DEFAULT_TENANT


class Groups:
    """The groups of all tenants."""

    def __init__(self, desk: Desk, users: Users) -> None:
        self._desk = desk
        self._users = users
        self._shelf = Shelf(desk.records, GROUPS, Group)

    async def create(
        self, actor: Actor, name: str, *, tenant: str = DEFAULT_TENANT, description: str = ""
    ) -> Group:
        """Raises ConflictError if there is one of that name."""
        group = Group(name, tenant, plain(description))
        async with self._desk.change(actor, "group.create", scoped(tenant, name)):
            self._desk.tenants.get(tenant)
            check_name("group", name)
            await self._shelf.add(scoped(tenant, name), group)
        return group

    async def list(self, *, tenant: str = DEFAULT_TENANT) -> Sequence[Group]:
        """Those of a tenant, oldest first."""
        return [group async for group in self._shelf.every({"tenant": tenant})]

    async def members(self, name: str, *, tenant: str = DEFAULT_TENANT) -> Sequence[User]:
        """The users in it."""
        every = self._users.shelf.every({"tenant": tenant})
        return [user async for user in every if name in user.groups]

    async def add(self, actor: Actor, name: str, user_id: str) -> User:
        """Put a user in it; no harm if it is."""
        user = await self._users.get(user_id)
        return await self._users.update(actor, user_id, groups=[*user.groups, name])

    async def remove(self, actor: Actor, name: str, user_id: str) -> User:
        """Take a user out of it; no harm if it is not."""
        target = scoped((await self._users.get(user_id)).tenant, name)
        async with self._desk.change(actor, "group.remove", target, {"user": user_id}):
            return await self._users.shelf.edit(user_id, lambda user: _without(user, name))

    async def delete(self, actor: Actor, name: str, *, tenant: str = DEFAULT_TENANT) -> None:
        """Take everyone out and remove it. Raises NotFoundError."""
        async with self._desk.change(actor, "group.delete", scoped(tenant, name)):
            if not await self._shelf.delete(scoped(tenant, name)):
                raise NotFoundError(f"cannot find group {name[:80]!r} of tenant {tenant!r}")
            for user in await self.members(name, tenant=tenant):
                await self._users.shelf.edit(user.id, lambda now: _without(now, name))


def _without(user: User, group: str) -> User:
    return replace(user, groups=tuple(name for name in user.groups if name != group))
