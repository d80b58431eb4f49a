"""Users: who they are, and what they may do."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypedDict, Unpack

from intertie.errors import IntertieError, NotFoundError
from intertie.identity.audit import Actor
from intertie.identity.emails import domain_of, normal
from intertie.identity.principal import Principal
from intertie.identity.roles import GROUPS, Group, GroupMapping, check_roles, roles_of
from intertie.identity.store import Claims, Desk, Shelf, check_name, plain, scoped
from intertie.suite.values import DEFAULT_TENANT

USERS = "identity_users"
CREDENTIALS = "identity_credentials"
MAX_GROUPS = 1000
_MAX_GROUP = 200


@dataclass(frozen=True, slots=True)
class Link:
    """An account elsewhere that is this user's: what a provider calls it."""

    provider: str
    subject: str


@dataclass(frozen=True, slots=True)
class User:
    """A person, or a program with a login. Holds no secret."""

    id: str
    login: str
    tenant: str
    created: datetime
    email: str = ""
    email_verified: bool = False
    phone: str = ""
    name: str = ""
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    """Beside those that its groups give."""
    enabled: bool = True
    named: bool = True
    """Made here by name; else it came by single sign-on because of its domain."""
    epoch: int = 1
    """Grows when sessions and tokens from before are to end."""
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a user proves to be itself with. Kept apart from it, under the same id."""

    password: str | None = field(default=None, repr=False)
    """Argon2id, in its own text form."""
    totp: str | None = field(default=None, repr=False)
    """Sealed."""
    totp_pending: str | None = field(default=None, repr=False)
    totp_pending_until: datetime | None = None
    totp_step: int = 0
    """Of the newest code that was accepted."""
    recovery: tuple[str, ...] = field(default=(), repr=False)


class Fields(TypedDict, total=False):
    """What of a user can be given and changed."""

    email: str
    email_verified: bool
    phone: str
    name: str
    groups: Sequence[str]
    roles: Sequence[str]


class Users:
    """The users of all tenants. Logins are unique in a tenant, whatever their case."""

    def __init__(self, desk: Desk, mapping: GroupMapping) -> None:
        self._desk = desk
        self._mapping = mapping
        self.shelf = Shelf(desk.records, USERS, User)
        self.credentials = Shelf(desk.records, CREDENTIALS, Credentials)
        self.logins = Claims(desk.records, "identity_logins", desk.now)
        self._groups = Shelf(desk.records, GROUPS, Group)

    async def create(
        self, actor: Actor, login: str, *, tenant: str = DEFAULT_TENANT, **fields: Unpack[Fields]
    ) -> User:
        """Raises ConflictError if the login is taken. The user has no password yet."""
        user = User(self._desk.new_id(), login, tenant, self._desk.now())
        async with self._desk.change(actor, "user.create", scoped(tenant, login), told(fields)):
            user = await self._edited(user, fields)
            await self.add(user)
        return user

    async def add(self, user: User) -> None:
        """Store a new one: for who is inside `Desk.change`."""
        self._desk.tenants.get(user.tenant)
        check_name("login", user.login)
        await self.logins.take(login_key(user.tenant, user.login), user.id, exists=self._exists)
        await self.shelf.add(user.id, user)

    async def get(self, id: str) -> User:
        """Raises NotFoundError."""
        try:
            return await self.shelf.get(id)
        except NotFoundError:
            raise NotFoundError(f"cannot find user {id[:80]!r}") from None

    async def by_login(self, login: str, *, tenant: str = DEFAULT_TENANT) -> User | None:
        """Who logs in as this."""
        id = await self.logins.owner(login_key(tenant, login))
        return await self.shelf.find(id) if id else None

    async def by_email(self, email: str, *, tenant: str = DEFAULT_TENANT) -> Sequence[User]:
        """Those who say that it is theirs; see `email_verified`."""
        where = {"tenant": tenant, "email": normal(email)}
        return (await self.shelf.page(where, limit=10, offset=0))[0]

    async def list(
        self, *, tenant: str | None = None, limit: int = 50, offset: int = 0
    ) -> tuple[Sequence[User], int]:
        """Some of them, oldest first, and how many there are."""
        where = {} if tenant is None else {"tenant": tenant}
        return await self.shelf.page(where, limit=limit, offset=offset)

    async def update(self, actor: Actor, id: str, **fields: Unpack[Fields]) -> User:
        """Change what is given. A new address is not verified unless that is said too."""
        user = await self.get(id)
        target = scoped(user.tenant, user.login)
        async with self._desk.change(actor, "user.update", target, told(fields)):
            await self._edited(user, fields)
            # The edit is made of what is stored by then, for others may write as well.
            return await self.shelf.edit(id, lambda now: _apply(now, fields))

    async def enable(self, actor: Actor, id: str) -> User:
        """Let it in again."""
        return await self._switch(actor, id, enabled=True)

    async def disable(self, actor: Actor, id: str) -> User:
        """Shut it out: its sessions, tokens and keys end."""
        return await self._switch(actor, id, enabled=False)

    async def end_sessions(self, actor: Actor, id: str) -> User:
        """Log it out everywhere."""
        user = await self.get(id)
        async with self._desk.change(actor, "user.end-sessions", scoped(user.tenant, user.login)):
            return await self.shelf.edit(id, next_epoch)

    async def delete(self, actor: Actor, id: str) -> None:
        """Remove it. Its keys are refused from then on; see `Identities.delete_user`."""
        user = await self.get(id)
        async with self._desk.change(actor, "user.delete", scoped(user.tenant, user.login)):
            await self.shelf.delete(id)
            await self.credentials.delete(id)
            await self.logins.free(login_key(user.tenant, user.login))

    def principal(self, user: User) -> Principal:
        """What the rest of the system sees of it."""
        return Principal(
            kind="user",
            id=user.id,
            tenant=user.tenant,
            name=user.login,
            roles=roles_of(user.groups, self._mapping, direct=user.roles),
            groups=user.groups,
        )

    async def _switch(self, actor: Actor, id: str, *, enabled: bool) -> User:
        user = await self.get(id)
        action = "user.enable" if enabled else "user.disable"
        async with self._desk.change(actor, action, scoped(user.tenant, user.login)):
            return await self.shelf.edit(id, lambda now: next_epoch(replace(now, enabled=enabled)))

    async def _edited(self, user: User, fields: Fields) -> User:
        for group in fields.get("groups", ()):
            key = scoped(user.tenant, group)
            if group not in self._mapping and await self._groups.find(key) is None:
                what = "create it, or add it to `group_mapping` of the suite"
                raise NotFoundError(f"cannot find group {group[:80]!r}: {what}")
        return _apply(user, fields)

    async def _exists(self, id: str) -> bool:
        return await self.shelf.find(id) is not None


def login_key(tenant: str, login: str) -> str:
    """What two logins that count as the same have in common."""
    return scoped(tenant, unicodedata.normalize("NFKC", login).casefold())


def next_epoch(user: User) -> User:
    """The same user, whose sessions and tokens from before have ended."""
    return replace(user, epoch=user.epoch + 1)


def groups_of(names: Iterable[str]) -> tuple[str, ...]:
    """Sorted, each once. Raises IntertieError when there are too many to be true."""
    distinct = sorted({name for name in names if plain(name, limit=_MAX_GROUP) == name and name})
    if len(distinct) > MAX_GROUPS:
        raise IntertieError(f"cannot use {len(distinct)} groups: at most {MAX_GROUPS} are kept")
    return tuple(distinct)


def told(fields: Fields) -> dict[str, str | int | bool | None]:
    """What the audit trail says of a change."""
    return {
        name: ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
        for name, value in fields.items()
    }


def _apply(user: User, fields: Fields) -> User:
    edited = replace(
        user,
        name=plain(fields.get("name", user.name)),
        phone=_phone(fields.get("phone", user.phone)),
        groups=groups_of(fields.get("groups", user.groups)),
        roles=check_roles(fields.get("roles", user.roles)),
    )
    if "email" not in fields:
        return replace(
            edited,
            email_verified=fields.get("email_verified", user.email_verified) and user.email != "",
        )
    email = _email(fields["email"])
    kept = user.email_verified and email == user.email
    verified = fields.get("email_verified", kept) and email != ""
    return replace(edited, email=email, email_verified=verified)


def _email(email: str) -> str:
    if email and domain_of(email) is None:
        raise IntertieError(f"cannot use e-mail address {email[:80]!r}: expected name@example.com")
    return normal(email)


def _phone(phone: str) -> str:
    digits = phone.removeprefix("+")
    sound = phone.startswith("+") and digits.isascii() and digits.isdigit()
    if phone and not (sound and 6 <= len(digits) <= 15):  # noqa: PLR2004 — E.164
        raise IntertieError(f"cannot use phone number {phone[:40]!r}: expected +491701234567")
    return phone
