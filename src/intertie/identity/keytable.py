"""API keys as whoever answers for each request holds them: in memory, checked in microseconds."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal, Self

from intertie.identity import keytext
from intertie.identity.keys import KEYS, PURPOSE, Key
from intertie.identity.principal import Principal
from intertie.identity.roles import GroupMapping, roles_of
from intertie.identity.sealed import Sealer
from intertie.identity.store import Revision, Shelf, read_revision
from intertie.identity.tenants import Tenants
from intertie.identity.users import USERS, User
from intertie.store import Records

Reason = Literal["malformed", "unknown", "revoked", "expired", "address", "owner", "tenant"]
Network = IPv4Network | IPv6Network

_COARSE_S = 3600.0


@dataclass(frozen=True, slots=True)
class KeyRefusal:
    """Why a key does not open.

    `unknown` stands for a wrong secret as well; the others are told only to who has a right one.
    """

    reason: Reason
    key: str = ""
    """Its id, if it is one that exists."""

    def __str__(self) -> str:
        return _TOLD[self.reason]


_TOLD: Mapping[Reason, str] = {
    "malformed": "this is no API key, or part of it is missing",
    "unknown": "there is no such API key",
    "revoked": "the API key is revoked",
    "expired": "the API key has expired",
    "address": "the API key may not be used from this address",
    "owner": "the user that the API key belongs to is disabled or gone",
    "tenant": "the tenant of the API key is gone",
}


@dataclass(frozen=True, slots=True)
class _Secret:
    pepper: bytes = field(repr=False)
    code: bytes = field(repr=False)
    until: float | None


@dataclass(frozen=True, slots=True)
class _Row:
    principal: Principal
    secrets: tuple[_Secret, ...]
    expires: float | None
    networks: tuple[Network, ...]
    barred: Reason | None
    """Why not, whatever is shown."""


@dataclass(frozen=True, slots=True)
class KeyTable:
    """All keys at one revision. Replaced as a whole when the revision has changed."""

    revision: Revision
    _rows: Mapping[str, _Row] = field(repr=False)

    @classmethod
    async def load(
        cls, records: Records, sealer: Sealer, *, mapping: GroupMapping, tenants: Tenants
    ) -> Self:
        """Read them all."""
        # First, so that a change while the rest is read is seen as one.
        revision = await read_revision(records)
        keys = [key async for key in Shelf(records, KEYS, Key).every()]
        owners: dict[str, User] = {}
        if any(key.owner for key in keys):
            owners = {user.id: user async for user in Shelf(records, USERS, User).every()}
        maker = _Maker(sealer, mapping, tenants, owners, {})
        return cls(revision, {key.id: maker.row(key) for key in keys})

    def __len__(self) -> int:
        return len(self._rows)

    def check(self, text: str, *, address: str, now: float) -> Principal | KeyRefusal:
        """Whose key it is, shown from `address` at `now` (seconds since 1970), or why not."""
        shown = keytext.parse(text)
        if shown is None:
            return KeyRefusal("malformed")
        row = self._rows.get(shown.id)
        if row is None:
            return KeyRefusal("unknown")
        expired = _opened(row.secrets, shown.secret.encode(), now)
        if expired is None:
            return KeyRefusal("unknown", shown.id)
        reason = row.barred or _fault(row, expired, address, now)
        return KeyRefusal(reason, shown.id) if reason else row.principal


@dataclass(frozen=True, slots=True)
class _Maker:
    sealer: Sealer
    mapping: GroupMapping
    tenants: Tenants
    owners: Mapping[str, User]
    peppers: dict[str, bytes] = field(repr=False)

    def row(self, key: Key) -> _Row:
        owner = self.owners.get(key.owner) if key.owner else None
        return _Row(
            Principal(
                kind="key",
                id=key.id,
                tenant=key.tenant,
                name=key.name,
                roles=self._roles(key, owner),
                groups=owner.groups if owner else (),
                scopes=key.scopes,
            ),
            tuple(
                _Secret(
                    self._pepper(secret.code.partition(".")[0]),
                    bytes.fromhex(secret.code.partition(".")[2]),
                    secret.until.timestamp() if secret.until else None,
                )
                for secret in key.secrets
            ),
            key.expires.timestamp() if key.expires else None,
            tuple(ip_network(cidr) for cidr in key.cidrs),
            self._barred(key, owner),
        )

    def _roles(self, key: Key, owner: User | None) -> tuple[str, ...]:
        if key.owner is None:
            return key.roles
        if owner is None:
            return ()
        its = roles_of(owner.groups, self.mapping, direct=owner.roles)
        return tuple(role for role in its if not key.roles or role in key.roles)

    def _barred(self, key: Key, owner: User | None) -> Reason | None:
        if key.revoked is not None:
            return "revoked"
        if key.tenant not in self.tenants.names:
            return "tenant"
        if key.owner is not None and (owner is None or not owner.enabled):
            return "owner"
        return None

    def _pepper(self, key_id: str) -> bytes:
        if key_id not in self.peppers:
            self.peppers[key_id] = self.sealer.pepper(key_id, purpose=PURPOSE)
        return self.peppers[key_id]


def _opened(secrets: Sequence[_Secret], shown: bytes, now: float) -> bool | None:
    """Whether the secret that was shown has expired; None when it is none of these."""
    found: bool | None = None
    for secret in secrets:
        code = hmac.digest(secret.pepper, shown, "sha256")
        if hmac.compare_digest(code, secret.code):
            found = secret.until is not None and secret.until <= now
    return found


def _fault(row: _Row, expired: bool, address: str, now: float) -> Reason | None:
    if expired or (row.expires is not None and row.expires <= now):
        return "expired"
    if row.networks and not _within(address, row.networks):
        return "address"
    return None


def _within(address: str, networks: Sequence[Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks)


class Uses:
    """Which keys were used in which hour; of at most `size` keys between two `take`s."""

    def __init__(self, *, size: int = 100_000) -> None:
        self._size = size
        self._new: dict[str, float] = {}
        self._told: dict[str, float] = {}

    def seen(self, key: str, now: float) -> None:
        """It was used now."""
        hour = now - now % _COARSE_S
        if self._told.get(key) != hour and (key in self._new or len(self._new) < self._size):
            self._new[key] = hour

    def take(self) -> Mapping[str, datetime]:
        """Those not told yet, for `Keys.record_uses`."""
        if len(self._told) + len(self._new) > self._size:
            self._told.clear()
        self._told.update(self._new)
        taken = {key: datetime.fromtimestamp(hour, UTC) for key, hour in self._new.items()}
        self._new.clear()
        return taken
