"""Users: who there is, and what is done about one."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Unpack

from intertie.control.actor import Actor
from intertie.control.identity_desk import IdentityDesk, Opened
from intertie.errors import ConflictError, NotFoundError

if TYPE_CHECKING:  # their libraries are large, and a suite without identities needs none of them
    from intertie.identity.users import Fields, User, Users

_MOST_SESSIONS = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which users; what is None does not matter."""

    tenant: str | None = None
    login: str | None = None
    """Exactly this one, whatever its case."""
    search: str | None = None
    """Part of a login, a name or an e-mail address."""
    group: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A user with all that is known about it."""

    user: "User"
    roles: tuple[str, ...]
    """Those of its groups too."""
    has_password: bool
    factors: tuple[str, ...]
    """Second factors, as `mfa.methods` names them."""
    sessions: int
    """Logins that have not ended."""
    keys: int


@dataclass(frozen=True, slots=True)
class People:
    """Each change is written into the audit trail."""

    desk: IdentityDesk

    async def list(
        self, actor: Actor, wanted: Wanted, *, page: int, limit: int
    ) -> "tuple[Sequence[User], int]":
        """A page of those who fit, oldest first, and how many fit."""
        opened = self.desk.managed_by(actor)
        tenant = self.desk.scope(actor, wanted.tenant)
        users = opened.identities.users
        begin = (page - 1) * limit
        if wanted.login is None and wanted.search is None and not wanted.group and not wanted.role:
            return await users.list(tenant=tenant, limit=limit, offset=begin)
        candidates = _candidates(users, tenant, wanted.login)
        found = [user async for user in candidates if self._fits(user, wanted, opened)]
        return found[begin : begin + limit], len(found)

    async def show(self, actor: Actor, id: str) -> Person:
        """One of them. Raises NotFoundError."""
        opened = self.desk.managed_by(actor)
        user = await self.desk.user(actor, id)
        kept = await opened.identities.users.credentials.find(id)
        _, keys = await opened.identities.keys.list(owner=id, limit=1)
        return Person(
            user,
            self.roles(actor, user),
            has_password=kept is not None and kept.password is not None,
            factors=await opened.identities.factors(id),
            sessions=await self._sessions(opened, user),
            keys=keys,
        )

    def roles(self, actor: Actor, user: "User") -> tuple[str, ...]:
        """All that a user has."""
        return self.desk.seen_by(actor).identities.users.principal(user).roles

    async def create(
        self,
        actor: Actor,
        login: str,
        *,
        tenant: str | None = None,
        password: str | None = None,
        **fields: "Unpack[Fields]",
    ) -> "User":
        """A new user; without a password it can come in by single sign-on only.

        Raises ConflictError if the login is taken, IntertieError for a password that is too weak.
        """
        opened = self.desk.managed_by(actor)
        home = self.desk.home(actor, tenant)
        self.desk.may_give(actor, fields.get("roles", ()), groups=fields.get("groups", ()))
        from intertie.identity.passwords import check_password  # noqa: PLC0415
        from intertie.identity.store import check_name  # noqa: PLC0415

        check_name("login", login)
        if password is not None:
            check_password(password, login=login)
        users = opened.identities.users
        if await users.by_login(login, tenant=home) is not None:
            raise ConflictError(f"cannot create user {login!r}: the login is taken in {home!r}")
        with _groups_are_known():
            user = await users.create(actor.author, login, tenant=home, **fields)
        if password is not None:
            await opened.identities.passwords.set(actor.author, user.id, password)
        return await users.get(user.id)

    async def update(self, actor: Actor, id: str, **fields: "Unpack[Fields]") -> "User":
        """Change what is given. Who loses a role has to log in again."""
        opened = self.desk.managed_by(actor)
        before = await self.desk.user(actor, id)
        self.desk.may_give(actor, fields.get("roles", ()), groups=fields.get("groups", ()))
        users = opened.identities.users
        with _groups_are_known():
            after = await users.update(actor.author, id, **fields)
        if set(users.principal(before).roles) - set(users.principal(after).roles):
            await self.desk.end_tokens(after)
            after = await users.end_sessions(actor.author, id)
        return after

    async def enable(self, actor: Actor, id: str) -> "User":
        """Let it in again."""
        opened = self.desk.managed_by(actor)
        await self.desk.user(actor, id)
        return await opened.identities.users.enable(actor.author, id)

    async def disable(self, actor: Actor, id: str) -> "User":
        """Shut it out: sessions, tokens and keys end."""
        opened = self.desk.managed_by(actor)
        await self.desk.user(actor, id)
        user = await opened.identities.users.disable(actor.author, id)
        await self.desk.end_tokens(user)
        return user

    async def delete(self, actor: Actor, id: str) -> None:
        """Remove it and everything that is its own."""
        opened = self.desk.managed_by(actor)
        user = await self.desk.user(actor, id)
        await opened.identities.delete_user(actor.author, id)
        await self.desk.end_tokens(user)

    async def end_sessions(self, actor: Actor, id: str) -> "User":
        """Log it out everywhere; tokens end too."""
        opened = self.desk.managed_by(actor)
        await self.desk.user(actor, id)
        user = await opened.identities.users.end_sessions(actor.author, id)
        await self.desk.end_tokens(user)
        return user

    async def set_password(self, actor: Actor, id: str, password: str | None) -> None:
        """Give it this password, or none; who was logged in no longer is."""
        opened = self.desk.managed_by(actor)
        user = await self.desk.user(actor, id)
        if password is None:
            await opened.identities.passwords.remove(actor.author, id)
        else:
            await opened.identities.passwords.set(actor.author, id, password)
        await self.desk.end_tokens(user)

    async def reset_factors(self, actor: Actor, id: str) -> tuple[str, ...]:
        """Forget its authenticator app and its passkeys; which there were. It is logged out."""
        opened = self.desk.managed_by(actor)
        user = await self.desk.user(actor, id)
        identities, removed = opened.identities, list[str]()
        if await identities.totps.is_on(id):
            await identities.totps.remove(actor.author, id)
            removed.append("totp")
        passkeys = await identities.passkeys.of(id)
        for passkey in passkeys:
            await identities.passkeys.remove(actor.author, id, passkey.id)
        await identities.users.end_sessions(actor.author, id)
        await self.desk.end_tokens(user)
        return (*removed, *(["passkey"] if passkeys else []))

    def _fits(self, user: "User", wanted: Wanted, opened: Opened) -> bool:
        from intertie.identity.users import login_key  # noqa: PLC0415

        has_login = wanted.login is None or login_key("", user.login) == login_key("", wanted.login)
        words = f"{user.login}\n{user.name}\n{user.email}".casefold()
        has_words = wanted.search is None or wanted.search.casefold() in words
        in_group = not wanted.group or wanted.group in user.groups
        roles = opened.identities.users.principal(user).roles if wanted.role else ()
        return has_login and has_words and in_group and (not wanted.role or wanted.role in roles)

    async def _sessions(self, opened: Opened, user: "User") -> int:
        from intertie.identity.sso.sessions import COLLECTION, read  # noqa: PLC0415

        page = await opened.records.find(COLLECTION, {"user": user.id}, limit=_MOST_SESSIONS)
        moment, idle_s = self.desk.now().timestamp(), self.desk.idle_s
        found = [read(record) for record in page.items]
        return sum(
            each.epoch == user.epoch and moment < min(each.ends, each.used + idle_s)
            for each in found
        )


async def _candidates(
    users: "Users", tenant: str | None, login: str | None
) -> "AsyncIterator[User]":
    """Those of a tenant; a login of one tenant needs no search."""
    if tenant is not None and login is not None:
        user = await users.by_login(login, tenant=tenant)
        if user is not None:
            yield user
        return
    async for user in users.shelf.every({} if tenant is None else {"tenant": tenant}):
        yield user


@contextmanager
def _groups_are_known() -> Iterator[None]:
    """What is not found is not the user itself: the caller has that."""
    try:
        yield
    except NotFoundError as exc:
        raise ConflictError(str(exc)) from exc
