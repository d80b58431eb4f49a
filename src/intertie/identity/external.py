"""Users who come by single sign-on: found again, linked to who is known, or made."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from anyio import sleep

from intertie.errors import AccessDeniedError, ConflictError, IntertieError
from intertie.identity.audit import Actor
from intertie.identity.emails import domain_of, email_is_allowed, normal
from intertie.identity.store import Claims, Desk, check_name, plain, scoped
from intertie.identity.users import Link, User, Users, groups_of
from intertie.suite.values import DEFAULT_TENANT

_TRIES = 20
_PAUSE_S = 0.05


@dataclass(frozen=True, slots=True)
class Visitor:
    """What a provider says of who has logged in there."""

    provider: str
    subject: str
    """Of the account there: never used again for another."""
    email: str = ""
    email_verified: bool = False
    name: str = ""
    groups: Sequence[str] = field(default=())
    tenant: str = DEFAULT_TENANT

    @property
    def link(self) -> Link:
        """The account there."""
        return Link(self.provider, self.subject)


class Externals:
    """Which user an account elsewhere is."""

    def __init__(self, desk: Desk, users: Users) -> None:
        self._desk = desk
        self._users = users
        self._links = Claims(desk.records, "identity_links", desk.now)

    async def upsert(
        self, actor: Actor, visitor: Visitor, *, domains: Sequence[str], role_sync: bool
    ) -> User:
        """The user that the visitor is from now on.

        Raises AccessDeniedError for who may not come in: disabled, of a domain that is not
        allowed, or with the address of a user that is not proven to be the same person.
        """
        target = scoped(visitor.tenant, f"{visitor.provider}:{visitor.subject}")
        known = await self._linked(visitor)
        same = known is not None and _synced(known, visitor, role_sync=role_sync) == known
        # A visit that changes nothing is no reason for others to read everything again.
        scope = self._desk.told if same else self._desk.change
        async with scope(actor, "user.sign-in", target, {"email": visitor.email}):
            self._desk.tenants.get(visitor.tenant)
            if not 1 <= len(visitor.subject) <= 255:  # noqa: PLR2004 — OpenID Connect Core, 2
                raise IntertieError("cannot sign in: the provider names no subject, or a long one")
            user = await self._found(visitor, domains)
            self._admit(user, visitor, domains)
            if same:
                return user
            return await self._users.shelf.edit(
                user.id, lambda now: _synced(now, visitor, role_sync=role_sync)
            )

    async def unlink(self, user: User) -> None:
        """Of a user that is deleted: the accounts elsewhere are nobody's again."""
        for link in user.links:
            await self._links.free(_key(user.tenant, link))

    async def _found(self, visitor: Visitor, domains: Sequence[str]) -> User:
        for _ in range(_TRIES):
            user = await self._linked(visitor)
            if user is not None:
                return user
            try:
                return await self._link(visitor) or await self._made(visitor, domains)
            except ConflictError:
                # The same person logs in twice at once: the other login finishes first.
                await sleep(_PAUSE_S)
        raise ConflictError("cannot sign in: another login of this account does not finish")

    async def _linked(self, visitor: Visitor) -> User | None:
        id = await self._links.owner(_key(visitor.tenant, visitor.link))
        return await self._users.shelf.find(id) if id else None

    async def _link(self, visitor: Visitor) -> User | None:
        """A user that is known under this address, if both sides have verified it."""
        if not visitor.email:
            return None
        email = normal(visitor.email)
        known = list(await self._users.by_email(email, tenant=visitor.tenant))
        namesake = await self._users.by_login(email, tenant=visitor.tenant)
        if namesake and namesake.id not in {user.id for user in known}:
            known.append(namesake)
        if not known:
            return None
        # Linked already: another login at this moment, or one that died before its end.
        linked = (user for user in known if visitor.link in user.links)
        user = next(linked, None) or _same_person(known, visitor)
        user = await self._users.shelf.edit(user.id, lambda now: _with(now, visitor.link))
        await self._claim(user, visitor)
        return user

    async def _made(self, visitor: Visitor, domains: Sequence[str]) -> User:
        user = User(
            self._desk.new_id(),
            _login(visitor),
            visitor.tenant,
            self._desk.now(),
            email=normal(visitor.email),
            email_verified=visitor.email_verified,
            named=False,
            links=(visitor.link,),
        )
        self._admit(user, visitor, domains)
        try:
            await self._users.add(user)
        except ConflictError:
            other = await self._users.by_login(user.login, tenant=visitor.tenant)
            if other is None or visitor.link not in other.links:
                raise
            user = other
        await self._claim(user, visitor)
        return user

    async def _claim(self, user: User, visitor: Visitor) -> None:
        key = _key(visitor.tenant, visitor.link)
        owner = await self._links.owner(key)
        if owner is not None and owner != user.id and await self._users.shelf.find(owner) is None:
            await self._links.free(key)
        if owner != user.id:
            await self._links.take(key, user.id)

    def _admit(self, user: User, visitor: Visitor, domains: Sequence[str]) -> None:
        if not user.enabled:
            raise AccessDeniedError(f"cannot sign in as {user.login!r}: the user is disabled")
        if user.named:
            return
        if not visitor.email_verified:
            raise AccessDeniedError("cannot sign in: the provider has not verified the address")
        if not email_is_allowed(visitor.email, domains):
            what = "add its domain to `allowed_domains`, or create the user by name"
            raise AccessDeniedError(f"cannot sign in as {visitor.email[:80]!r}: {what}")


def _key(tenant: str, link: Link) -> str:
    # No separator can be part of both.
    return scoped(
        tenant, sha256(f"{len(link.provider)}:{link.provider}{link.subject}".encode()).hexdigest()
    )


def _login(visitor: Visitor) -> str:
    if visitor.email_verified and domain_of(visitor.email):
        return normal(visitor.email)
    name = f"{visitor.provider}:{sha256(visitor.subject.encode()).hexdigest()[:16]}"
    check_name("login", name)
    return name


def _same_person(known: Sequence[User], visitor: Visitor) -> User:
    user = known[0]
    told = f"cannot sign in: the address {visitor.email[:80]!r} is that of a user here"
    if len(known) > 1:
        raise AccessDeniedError(f"{told}, or of several; link the account by hand")
    if not (visitor.email_verified and user.email_verified and user.email == normal(visitor.email)):
        raise AccessDeniedError(f"{told}, and not verified on both sides; verify it first")
    others = {link.subject for link in user.links if link.provider == visitor.provider}
    if others - {visitor.subject}:
        # Addresses are given to new people; subjects are not.
        raise AccessDeniedError(f"{told}, which another account of this provider has")
    return user


def _with(user: User, link: Link) -> User:
    return replace(user, links=(*(old for old in user.links if old != link), link))


def _synced(user: User, visitor: Visitor, *, role_sync: bool) -> User:
    synced = replace(user, name=plain(visitor.name) or user.name)
    if not user.named and domain_of(visitor.email):
        email = normal(visitor.email)
        synced = replace(synced, email=email, email_verified=visitor.email_verified)
    return replace(synced, groups=groups_of(visitor.groups)) if role_sync else synced
