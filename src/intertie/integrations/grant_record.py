"""What is kept of a grant: its tokens sealed, and beside them, readable, what status needs."""

import secrets
from dataclasses import dataclass, field, replace
from typing import Literal

from intertie.errors import NotFoundError
from intertie.integrations.connector import Connector
from intertie.integrations.oauth import Tokens
from intertie.integrations.vault import GRANTS, Vault, place
from intertie.store import Document, Record, Records

_PURPOSE = "grant"
_READABLE = (
    "kind",
    "edition",
    "granted_at",
    "renewed_at",
    "expires_at",
    "lifetime_s",
    "dead",
    "failures",
    "retry_at",
    "trouble",
    "blame",
    "forced_at",
    "owner",
    "until",
    "intent_at",
    "intent_of",
)


@dataclass(frozen=True, slots=True)
class Grant:
    """Of one connection. All times are seconds since 1970; 0 is never."""

    tenant: str
    name: str
    kind: Literal["consent", "mint"]
    """Given by a person, or got by the program for itself."""
    access: str = field(default="", repr=False)
    refresh: str = field(default="", repr=False)
    edition: str = ""
    """Of its tokens: another one whenever they change."""
    scopes: frozenset[str] | None = None
    granted_at: float = 0.0
    renewed_at: float = 0.0
    expires_at: float | None = None
    """Of the access token; None where the vendor does not say."""
    lifetime_s: float | None = None
    dead: str = ""
    """Why it cannot be renewed any more; only a person helps."""
    failures: int = 0
    """Of the token endpoint, one after the other."""
    retry_at: float = 0.0
    """Until when it is left alone after a failure."""
    trouble: str = ""
    """The last failure."""
    blame: str = ""
    """Its `cause`."""
    forced_at: float = 0.0
    """When it was last renewed because the vendor refused the token."""
    owner: str = ""
    """Who is renewing it now, until `until`."""
    until: float = 0.0
    intent_at: float = 0.0
    """When the token endpoint was asked last without an answer being saved."""
    intent_of: str = ""
    """With the refresh token of which edition."""
    sealed: str = field(default="", repr=False)
    version: int = 0
    """Of its record; 0: there is none yet."""

    @property
    def label(self) -> str:
        """Of its connection."""
        return f"{self.tenant}/{self.name}"

    def lives(self, now: float) -> bool:
        """Whether the access token is good still."""
        return bool(self.access) and (self.expires_at is None or now < self.expires_at)

    def resting(self, now: float) -> bool:
        """Whether the token endpoint is to be left alone."""
        return now < self.retry_at

    def with_tokens(self, tokens: Tokens, *, asked_at: float, forced: bool = False) -> "Grant":
        """Renewed: nobody's lease any more, and nothing of earlier failures."""
        lifetime_s = tokens.lifetime_s
        return Grant(
            self.tenant,
            self.name,
            self.kind,
            access=tokens.access,
            refresh=tokens.refresh or self.refresh,
            edition=secrets.token_hex(8),
            scopes=tokens.scopes or self.scopes,
            granted_at=self.granted_at or asked_at,
            renewed_at=asked_at,
            expires_at=None if lifetime_s is None else asked_at + lifetime_s,
            lifetime_s=lifetime_s,
            forced_at=asked_at if forced else self.forced_at,
            version=self.version,
        )


class GrantBook:
    """Grants in Records. Each write names the version that it has read."""

    def __init__(self, records: Records, vault: Vault) -> None:
        self._records = records
        self._vault = vault

    async def read(self, connection: Connector) -> Grant | None:
        """With its tokens. Raises StoreError when they cannot be opened."""
        tenant, name = connection.tenant, connection.config.name
        try:
            record = await self._records.get(GRANTS, place(tenant, name))
        except NotFoundError:
            return None
        grant = _grant(record)
        if not grant.sealed:
            return grant
        try:
            text = await self._vault.unseal(tenant, name, grant.sealed, purpose=_PURPOSE)
        except NotFoundError:
            gone = "its tokens cannot be read any more: the tenant's key was deleted"
            return replace(grant, dead=gone if grant.kind == "consent" else "")
        access, _, refresh = text.decode().partition("\n")
        return replace(grant, access=access, refresh=refresh)

    async def write(self, grant: Grant) -> Grant:
        """What is readable; tokens stay as they are. Raises ConflictError."""
        id = place(grant.tenant, grant.name)
        record = await self._records.put(GRANTS, id, _document(grant), expect=grant.version)
        return replace(grant, version=record.version)

    async def write_tokens(self, grant: Grant) -> Grant:
        """All of it. Raises ConflictError."""
        text = f"{grant.access}\n{grant.refresh}".encode()
        sealed = await self._vault.seal(grant.tenant, grant.name, text, purpose=_PURPOSE)
        return await self.write(replace(grant, sealed=sealed))

    async def delete(self, connection: Connector) -> bool:
        """Whether there was one."""
        id = place(connection.tenant, connection.config.name)
        return await self._records.delete(GRANTS, id)


def _document(grant: Grant) -> Document:
    return {
        "tenant": grant.tenant,
        "name": grant.name,
        "purpose": _PURPOSE,
        "sealed": grant.sealed,
        "scopes": None if grant.scopes is None else sorted(grant.scopes),
        **{name: getattr(grant, name) for name in _READABLE},
    }


def _grant(record: Record) -> Grant:
    told = record.document
    scopes = told["scopes"]
    return Grant(
        told["tenant"],
        told["name"],
        sealed=told["sealed"],
        scopes=None if scopes is None else frozenset(scopes),
        version=record.version,
        **{name: told[name] for name in _READABLE},
    )
