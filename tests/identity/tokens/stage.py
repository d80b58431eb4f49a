"""A store, a clock that is set by hand, and the tokens on them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from intertie.identity.principal import Principal
from intertie.identity.tokens.codes import Codes
from intertie.identity.tokens.grant import Grant
from intertie.identity.tokens.pepper import Pepper
from intertie.identity.tokens.refresh import RefreshTokens
from intertie.identity.tokens.revocation import Revocations
from intertie.store import Records, open_records

START = 1_800_000_000.0
ADA = Principal("user", "ada", "acme", "Ada", ("admin",))


@dataclass
class Clock:
    """Goes when told to."""

    time: float = START

    def __call__(self) -> float:
        """Seconds since 1970."""
        return self.time


@dataclass
class Side:
    """One process of several on the same store."""

    records: Records
    clock: Clock
    pepper: Pepper = field(default_factory=lambda: Pepper(b"p" * 32))

    def __post_init__(self) -> None:
        self.revocations = Revocations(self.records, self.clock)
        shared = (self.records, self.pepper, self.revocations)
        self.refresh = RefreshTokens(*shared, clock=self.clock)
        self.codes = Codes(*shared, clock=self.clock)


@asynccontextmanager
async def sides(folder: Path) -> AsyncIterator[tuple[Side, Side, Clock]]:
    """Two of them, each with a connection of its own."""
    url, clock = f"sqlite://{folder}/records.db", Clock()
    async with open_records(url) as one, open_records(url) as two:
        yield Side(one, clock), Side(two, clock), clock


def grant(id: str = "g1", *, client_id: str = "web", sid: str = "s1") -> Grant:
    """Of Ada to a client."""
    return Grant(id, client_id, ADA, ("openid", "orders"), sid, int(START))
