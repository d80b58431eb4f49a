"""An identity store with the use cases over it, and callers of each kind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from intertie.control.actor import Actor, Reach
from intertie.control.identity import IdentityControl
from intertie.control.identity_desk import IdentityDesk, Opened
from intertie.identity.tokens.revocation import Revocations
from intertie.suite.gateway import Gateway
from intertie.suite.identity import Identity, Tenant
from intertie.suite.model import Suite
from intertie.suite.route import Route
from intertie.suite.service import Service
from tests.identity.house import Clock, House, open_house

ROOT = Actor(
    "root", may_read=True, may_write=True, reach=Reach(manages=True), is_known=True, via="rest"
)
OF_ACME = Actor(
    "acme/user:dee",
    may_read=False,
    may_write=False,
    reach=Reach(sees=True, manages=True, tenant="acme", roles=("admin",)),
    is_known=True,
)
READER = Actor(
    "default/user:bob", may_read=True, may_write=False, reach=Reach(sees=True), is_known=True
)
STRANGER = Actor("rest", may_read=True, may_write=False)
SUITE = Suite(
    suite="shop",
    services={"echo": Service(command=("sleep", "1"), port=9)},
    gateway=Gateway(
        routes=(
            Route(path="/orders", service="echo", roles=("admin", "clerk")),
            Route(path="/reports", service="echo", roles=("auditor",), methods=("GET",)),
        )
    ),
    identity=Identity(),
    tenants={"acme": Tenant(sla="99.9%"), "globex": Tenant()},
)


@dataclass(frozen=True)
class Premises:
    """The store, the desk, and all use cases."""

    house: House
    desk: IdentityDesk
    control: IdentityControl

    @property
    def clock(self) -> Clock:
        """Stands still until it is moved."""
        return self.house.clock

    @property
    def opened(self) -> Opened:
        """What is behind the desk."""
        assert self.desk.opened is not None
        return self.desk.opened

    async def add(
        self, login: str, *, tenant: str = "default", groups: tuple[str, ...] = ()
    ) -> str:
        """A new user; its id."""
        return (await self.control.people.create(ROOT, login, tenant=tenant, groups=groups)).id


@asynccontextmanager
async def open_premises(folder: Path) -> AsyncIterator[Premises]:
    """In a folder of its own."""
    async with open_house(folder) as house:
        revocations = Revocations(house.records, lambda: house.clock.seconds)
        opened = Opened(house.identities, house.records, revocations)
        desk = IdentityDesk(opened, lambda: SUITE, folder, now=house.clock)
        yield Premises(house, desk, IdentityControl.of(desk))
