"""The identity store as a whole: users, groups, keys, passwords, second factors and their trail."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from intertie.identity.audit import Actor, Audit
from intertie.identity.codes import Channel, CodeLimits, Codes, Method
from intertie.identity.external import Externals
from intertie.identity.groups import Groups
from intertie.identity.keys import Keys
from intertie.identity.keytable import KeyTable
from intertie.identity.passkeys import Passkeys, RelyingParty
from intertie.identity.passwords import Cost, Passwords
from intertie.identity.roles import GroupMapping
from intertie.identity.sealed import Sealer
from intertie.identity.store import Desk, Revision, read_revision, utc_now
from intertie.identity.tenants import Tenants
from intertie.identity.totp import Totps
from intertie.identity.users import Users
from intertie.store import Records
from intertie.suite.identity import Identity, Tenant

AUDIT_FILE = "audit.db"
MASTER_FILE = "master.json"


@dataclass(frozen=True, slots=True)
class Terms:
    """What the suite says about identities."""

    mapping: GroupMapping
    tenants: Tenants
    party: RelyingParty
    limits: CodeLimits

    @classmethod
    def of(
        cls, identity: Identity, tenants: Mapping[str, Tenant], *, party: RelyingParty
    ) -> "Terms":
        """From the parts of a suite file."""
        limits = CodeLimits(lifetime_s=identity.mfa.code_lifetime)
        return cls(identity.rbac_integration.group_mapping, Tenants(tenants), party, limits)


class Identities:
    """Everything about who may come in. Each change names its `actor` and is written down."""

    def __init__(
        self,
        desk: Desk,
        terms: Terms,
        *,
        channels: Mapping[Method, Channel] | None = None,
        cost: Cost | None = None,
    ) -> None:
        self._desk = desk
        self._terms = terms
        self.audit = desk.audit
        self.sealer = desk.sealer
        self.tenants = terms.tenants
        self.users = Users(desk, terms.mapping)
        self.groups = Groups(desk, self.users)
        self.externals = Externals(desk, self.users)
        self.passwords = Passwords(desk, self.users, cost=cost)
        self.keys = Keys(desk)
        self.totps = Totps(desk, self.users, issuer=terms.party.name)
        self.passkeys = Passkeys(desk, self.users, party=terms.party)
        self.codes = Codes(desk, self.users, channels=channels or {}, limits=terms.limits)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        folder: Path,
        records: Records,
        terms: Terms,
        *,
        master: str | None = None,
        channels: Mapping[Method, Channel] | None = None,
        now: Callable[[], datetime] = utc_now,
        cost: Cost | None = None,
    ) -> "AsyncIterator[Identities]":
        """The store on `records`; its master key and its audit trail are files in `folder`.

        `master` is the value of the secret `identity-master`, in place of the file.
        """
        sealer = Sealer.from_secret(master) if master else Sealer.open(folder / MASTER_FILE)
        async with Audit.open(folder / AUDIT_FILE, now=now) as audit:
            desk = Desk(records, sealer, audit, terms.tenants, now)
            await desk.settle()
            yield cls(desk, terms, channels=channels, cost=cost)

    async def revision(self) -> Revision:
        """Grows with each change; see `Revision`."""
        return await read_revision(self._desk.records)

    async def key_table(self) -> KeyTable:
        """All API keys as they are now, for who checks one for each request."""
        desk, terms = self._desk, self._terms
        return await KeyTable.load(
            desk.records, desk.sealer, mapping=terms.mapping, tenants=terms.tenants
        )

    async def factors(self, user_id: str) -> tuple[str, ...]:
        """The second factors that a user can be asked for, as `mfa.methods` names them."""
        user = await self.users.get(user_id)
        totp = ("totp",) if await self.totps.is_on(user_id) else ()
        passkey = ("passkey",) if await self.passkeys.of(user_id) else ()
        return (*totp, *passkey, *self.codes.methods(user))

    async def delete_user(self, actor: Actor, user_id: str) -> None:
        """Remove a user and everything that is its own: keys, passkeys, accounts elsewhere."""
        user = await self.users.get(user_id)
        await self.users.delete(actor, user_id)
        for key in await self.keys.of_owner(user_id):
            await self.keys.delete(actor, key.id)
        await self.passkeys.remove_all(user_id)
        await self.codes.forget(user_id)
        await self.externals.unlink(user)

    async def rotate_master(self, actor: Actor) -> int:
        """Make a new master key and seal everything under it; how many things that were."""
        async with self._desk.change(actor, "master.rotate", "master"):
            self._desk.sealer.rotate()
            count = await self.keys.reseal() + await self.totps.reseal()
            self._desk.sealer.retire()
        return count
