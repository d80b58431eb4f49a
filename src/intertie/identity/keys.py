"""API keys: made, shown once, rotated with an overlap, revoked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Literal, TypedDict, Unpack

from intertie.errors import ConflictError, IntertieError, NotFoundError
from intertie.identity import keytext
from intertie.identity.audit import Actor
from intertie.identity.keytext import KeyText
from intertie.identity.roles import check_roles
from intertie.identity.store import Claims, Desk, Shelf, plain, scoped
from intertie.identity.users import USERS, User
from intertie.suite.values import DEFAULT_TENANT

KEYS = "identity_keys"
PURPOSE = "api-key"
"""Of the codes that are stored of secrets."""
MAX_ACTIVE = 2
_MAX_CIDRS = 100
_MAX_SCOPES = 100

Mode = Literal["hashed", "sealed"]


@dataclass(frozen=True, slots=True)
class KeySecret:
    """One of the secrets that open a key."""

    code: str = field(repr=False)
    """HMAC-SHA-256 under the pepper, after the id of its master key."""
    last4: str
    created: datetime
    until: datetime | None = None
    """The end of the overlap, for one that was rotated."""
    sealed: str | None = field(default=None, repr=False)
    """The whole text of the key, in mode `sealed`."""


@dataclass(frozen=True, slots=True)
class Key:
    """An API key as it is stored: nothing in it opens anything."""

    id: str
    name: str
    tenant: str
    created: datetime
    mode: Mode = "hashed"
    owner: str | None = None
    """The id of a user: the key ends with it, and has none of its roles that it loses."""
    roles: tuple[str, ...] = ()
    """Of a key with an owner: which of its roles; empty is all of them."""
    scopes: tuple[str, ...] = ()
    cidrs: tuple[str, ...] = ()
    """Where it may be used from; empty is everywhere."""
    expires: datetime | None = None
    revoked: datetime | None = None
    secrets: tuple[KeySecret, ...] = ()


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key, and the only sight of its text."""

    key: Key
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PlainKey:
    """A key of mode `sealed`, for a gateway that checks it without asking."""

    key: Key
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Use:
    at: datetime


class KeyFields(TypedDict, total=False):
    """What a new key can be given."""

    tenant: str
    owner: str | None
    roles: Sequence[str]
    scopes: Sequence[str]
    cidrs: Sequence[str]
    expires: datetime | None
    mode: Mode


class Keys:
    """The API keys of all tenants."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._users = Shelf(desk.records, USERS, User)
        self._shelf = Shelf(desk.records, KEYS, Key)
        self._uses = Shelf(desk.records, "identity_key_uses", _Use)
        # Two keys with one secret would be one key with two owners.
        self._fingerprints = Claims(desk.records, "identity_key_codes", desk.now)

    async def create(self, actor: Actor, name: str, **fields: Unpack[KeyFields]) -> NewKey:
        """A new key. Its text is in the answer, and nowhere else."""
        text = keytext.make(
            self._desk.random(keytext.ID_BYTES), self._desk.random(keytext.SECRET_BYTES)
        )
        target = scoped(fields.get("tenant", DEFAULT_TENANT), text.id)
        async with self._desk.change(actor, "key.create", target, {"name": name}):
            key = await self._described(text.id, name, fields)
            secret = self._secret(text, key.mode)
            key = replace(key, secrets=(secret,))
            await self._fingerprints.take(secret.code, key.id)
            await self._shelf.add(key.id, key)
        return NewKey(key, text.text)

    async def get(self, id: str) -> Key:
        """Raises NotFoundError."""
        key = await self._shelf.find(id)
        if key is None:
            raise NotFoundError(f"cannot find API key {id[:80]!r}")
        return key

    async def list(
        self,
        *,
        tenant: str | None = None,
        owner: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> tuple[Sequence[Key], int]:
        """Some of them, oldest first, and how many there are."""
        wanted = {"tenant": tenant, "owner": owner}
        where = {name: value for name, value in wanted.items() if value is not None}
        return await self._shelf.page(where, limit=limit, offset=offset)

    async def rotate(self, actor: Actor, id: str, *, overlap_s: float = 86400.0) -> NewKey:
        """A second secret; the first goes on for `overlap_s`, then only the new one opens.

        Raises ConflictError while two secrets are active.
        """
        kept = await self.get(id)
        now = self._desk.now()
        text = replace(keytext.make(b"\0", self._desk.random(keytext.SECRET_BYTES)), id=id)
        secret = self._secret(text, kept.mode)
        ends = now + timedelta(seconds=overlap_s)
        detail = {"overlap_s": int(overlap_s)}
        async with self._desk.change(actor, "key.rotate", scoped(kept.tenant, id), detail):
            await self._fingerprints.take(secret.code, id)
            try:
                key = await self._shelf.edit(id, lambda key: _rotated(key, secret, now, ends))
            except IntertieError:
                await self._fingerprints.free(secret.code)
                raise
            for old in kept.secrets:
                if old.code not in {secret.code for secret in key.secrets}:
                    await self._fingerprints.free(old.code)
        return NewKey(key, text.text)

    async def revoke(self, actor: Actor, id: str) -> Key:
        """End it for good, at once; it stays in the list."""
        kept = await self.get(id)
        now = self._desk.now()
        async with self._desk.change(actor, "key.revoke", scoped(kept.tenant, id)):
            return await self._shelf.edit(
                id, lambda key: replace(key, revoked=key.revoked or now, secrets=_blind(key))
            )

    async def delete(self, actor: Actor, id: str) -> None:
        """Remove it from the list too."""
        key = await self.get(id)
        async with self._desk.change(actor, "key.delete", scoped(key.tenant, id)):
            await self._shelf.delete(id)
            await self._uses.delete(id)
            for secret in key.secrets:
                await self._fingerprints.free(secret.code)

    async def of_owner(self, user_id: str) -> Sequence[Key]:
        """Those that end with a user."""
        return [key async for key in self._shelf.every({"owner": user_id})]

    async def record_uses(self, uses: Mapping[str, datetime]) -> None:
        """When keys were last used, from who checks them: now and then, for it costs a write."""
        for id, at in uses.items():
            await self._uses.put(id, _Use(at))

    async def last_used(self, id: str) -> datetime | None:
        """To the hour; None is never."""
        use = await self._uses.find(id)
        return use.at if use else None

    async def plain_keys(self) -> Sequence[PlainKey]:
        """The texts of all keys of mode `sealed` that may be used now."""
        now = self._desk.now()
        found: list[PlainKey] = []
        async for key in self._shelf.every({"mode": "sealed"}):
            for secret in active(key, now):
                if secret.sealed is not None:
                    text = self._desk.sealer.unseal(secret.sealed, purpose=_bound(key.id))
                    found.append(PlainKey(key, text.decode()))
        return found

    async def reseal(self) -> int:
        """After the master key was rotated: seal anew what older ones have sealed; how many."""
        count = 0
        async for key in self._shelf.every({"mode": "sealed"}):
            if any(
                secret.sealed and self._desk.sealer.stale(secret.sealed) for secret in key.secrets
            ):
                await self._shelf.edit(key.id, self._resealed)
                count += 1
        return count

    async def _described(self, id: str, name: str, fields: KeyFields) -> Key:
        now = self._desk.now()
        key = Key(
            id,
            plain(name),
            fields.get("tenant", DEFAULT_TENANT),
            now,
            mode=fields.get("mode", "hashed"),
            owner=fields.get("owner"),
            roles=check_roles(fields.get("roles", ())),
            scopes=_scopes(fields.get("scopes", ())),
            cidrs=_cidrs(fields.get("cidrs", ())),
            expires=fields.get("expires"),
        )
        self._desk.tenants.get(key.tenant)
        if not key.name:
            raise IntertieError("cannot make an API key: give it a name")
        if key.expires is not None and key.expires <= now:
            raise IntertieError("cannot make an API key: it would have expired already")
        if key.owner is not None:
            await self._check_owner(key.owner, key.tenant)
        return key

    async def _check_owner(self, owner: str, tenant: str) -> None:
        user = await self._users.find(owner)
        if user is None or user.tenant != tenant:
            raise NotFoundError(f"cannot find user {owner[:80]!r} in tenant {tenant!r}")

    def _secret(self, text: KeyText, mode: Mode) -> KeySecret:
        sealer = self._desk.sealer
        whole = text.text.encode()
        return KeySecret(
            code=sealer.code(text.secret.encode(), purpose=PURPOSE),
            last4=text.last4,
            created=self._desk.now(),
            sealed=sealer.seal(whole, purpose=_bound(text.id)) if mode == "sealed" else None,
        )

    def _resealed(self, key: Key) -> Key:
        sealer = self._desk.sealer
        return replace(
            key,
            secrets=tuple(
                replace(secret, sealed=sealer.reseal(secret.sealed, purpose=_bound(key.id)))
                if secret.sealed and sealer.stale(secret.sealed)
                else secret
                for secret in key.secrets
            ),
        )


def active(key: Key, now: datetime) -> Sequence[KeySecret]:
    """The secrets that open it now."""
    if key.revoked is not None or (key.expires is not None and key.expires <= now):
        return ()
    return _current(key, now)


def _current(key: Key, now: datetime) -> tuple[KeySecret, ...]:
    return tuple(one for one in key.secrets if one.until is None or one.until > now)


def _rotated(key: Key, secret: KeySecret, now: datetime, ends: datetime) -> Key:
    if key.revoked is not None:
        raise ConflictError(f"cannot rotate API key {key.id!r}: it is revoked; make a new one")
    current = _current(key, now)
    if len(current) >= MAX_ACTIVE:
        what = f"two secrets are active until {current[0].until:%Y-%m-%d %H:%M} UTC"
        raise ConflictError(f"cannot rotate API key {key.id!r}: {what}")
    return replace(key, secrets=(*(replace(old, until=ends) for old in current), secret))


def _blind(key: Key) -> tuple[KeySecret, ...]:
    # A revoked key is never needed in clear again.
    return tuple(replace(secret, sealed=None) for secret in key.secrets)


def _bound(id: str) -> str:
    return f"{PURPOSE}:{id}"


def _scopes(scopes: Sequence[str]) -> tuple[str, ...]:
    distinct = sorted(set(scopes))
    # RFC 6749, 3.3: visible ASCII without quotes and backslashes.
    wrong = [scope for scope in distinct if not scope or set(scope) - _SCOPE_CHARACTERS]
    if wrong or len(distinct) > _MAX_SCOPES:
        raise IntertieError(f"cannot use scopes {wrong[:3]!r}: expected words as in OAuth")
    return tuple(distinct)


_SCOPE_CHARACTERS = {chr(code) for code in range(0x21, 0x7F)} - {'"', "\\"}


def _cidrs(cidrs: Sequence[str]) -> tuple[str, ...]:
    if len(cidrs) > _MAX_CIDRS:
        raise IntertieError(f"cannot use {len(cidrs)} address ranges: at most {_MAX_CIDRS}")
    try:
        return tuple(sorted({str(ip_network(cidr)) for cidr in cidrs}))
    except ValueError as exc:
        raise IntertieError(f"cannot use address range: {exc}") from exc
