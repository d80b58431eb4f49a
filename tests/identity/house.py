"""An identity store for tests: real files, a clock that is set by hand, cheap password hashes."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from intertie.identity.audit import Actor
from intertie.identity.codes import Channel, CodeLimits, Method
from intertie.identity.identities import Identities, Terms
from intertie.identity.passkeys import RelyingParty
from intertie.identity.passwords import Cost
from intertie.identity.tenants import Tenants
from intertie.store.sqlite import SqliteRecords
from intertie.suite.identity import Tenant

ADMIN = Actor("root", via="cli", address="127.0.0.1")
CHEAP = Cost(rounds=1, memory_kib=8)
PARTY = RelyingParty("app.example.com", "Example", ("https://app.example.com",))
MAPPING = {"admins": ("admin", "superuser"), "users": ("user", "readonly")}
TENANTS = Tenants({"acme": Tenant(domains=("acme.example.com",))})


@dataclass
class Clock:
    """Stands still until it is moved."""

    at: datetime = field(default_factory=lambda: datetime(2026, 1, 1, 12, tzinfo=UTC))

    def __call__(self) -> datetime:
        """The time."""
        return self.at

    def move(self, seconds: float) -> None:
        """Let so much time pass."""
        self.at += timedelta(seconds=seconds)

    @property
    def seconds(self) -> float:
        """Since 1970."""
        return self.at.timestamp()


@dataclass(frozen=True)
class House:
    """The store, and what it stands on."""

    identities: Identities
    clock: Clock
    records: SqliteRecords
    folder: Path

    async def actions(self) -> list[tuple[str, str]]:
        """What the audit trail tells, oldest first."""
        page = await self.identities.audit.page(limit=1000)
        return [(entry.action, entry.outcome) for entry in reversed(page)]


@asynccontextmanager
async def open_house(
    folder: Path,
    *,
    clock: Clock | None = None,
    channels: Mapping[Method, Channel] | None = None,
    cost: Cost = CHEAP,
) -> AsyncIterator[House]:
    """A store in a folder; twice in the same one is two processes, as far as the files know."""
    clock = clock or Clock()
    terms = Terms(MAPPING, TENANTS, PARTY, CodeLimits())
    async with (
        SqliteRecords.open(folder / "rows.db") as records,
        Identities.open(
            folder, records, terms, channels=channels, now=clock, cost=cost
        ) as identities,
    ):
        yield House(identities, clock, records, folder)
