"""Sessions, on real records, shared by two of what would be two processes."""

import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

import pytest

from intertie.identity.principal import Principal
from intertie.identity.sso.cookies import Cookies
from intertie.identity.sso.sessions import COLLECTION, Lifetimes, Session, Sessions
from intertie.store.sqlite import SqliteRecords

pytestmark = pytest.mark.anyio


@dataclass
class People:
    """Users, as the sessions see them."""

    roles: dict[str, tuple[str, ...]] = field(default_factory=lambda: {"ada": ("user",)})
    epoch: int = 1
    changes: int = 0

    async def present(self, user: str, epoch: int) -> Principal | None:
        """See Users."""
        if user not in self.roles or epoch != self.epoch:
            return None
        return Principal("user", user, roles=self.roles[user])

    async def revision(self) -> int:
        """See Users."""
        return self.changes


class World:
    """Two processes on one file, and a clock."""

    def __init__(self, first: SqliteRecords, second: SqliteRecords) -> None:
        self.time = datetime(2030, 1, 1, tzinfo=UTC)
        self.people = People()
        self.records = first
        self.one, self.two = (self._sessions(each) for each in (first, second))

    def _sessions(self, records: SqliteRecords) -> Sessions:
        lifetimes = Lifetimes(1000.0, 100.0)
        return Sessions(records, Cookies(), self.people, lifetimes=lifetimes, now=lambda: self.time)

    def later(self, seconds: float) -> None:
        """Let time pass."""
        self.time += timedelta(seconds=seconds)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Two connections to one database."""
    async with AsyncExitStack() as stack:
        path = tmp_path / "records.db"
        opened = [await stack.enter_async_context(SqliteRecords.open(path)) for _ in range(2)]
        yield World(opened[0], opened[1])


def cookie(header: str) -> str:
    """What the browser sends back."""
    return header.partition(";")[0]


async def test_the_cookie_is_a_number_and_no_copy_of_it_is_kept(world: World) -> None:
    """256 random bits, for this host over TLS only, which no script can read."""
    header = await world.one.start(Session("ada"))

    number = cookie(header).partition("=")[2]
    assert header.startswith("__Host-intertie=")
    assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=1000"} <= set(
        header.split("; ")
    )
    assert "Domain" not in header
    assert len(number) == 43
    (stored,) = (await world.records.find(COLLECTION)).items
    assert number not in str(stored)


async def test_every_process_knows_it(world: World) -> None:
    """Who began it does not matter."""
    header = cookie(await world.one.start(Session("ada")))

    for sessions in (world.one, world.two):
        found = await sessions.lookup(f"a=b; {header}; c=d")
        assert found is not None
        assert (found.id, found.roles) == ("ada", ("user",))


@pytest.mark.parametrize(
    "header",
    [None, "", "x", "__Host-intertie", "__Host-intertie=", "__Host-intertie=" + "A" * 43,
     "__Host-intertie=%00", "__Host-intertie=../../x", "__Host-intertie=" + "A" * 9000, ";;;=;"],
)  # fmt: skip
async def test_other_cookies_are_nobody_s(world: World, header: str | None) -> None:
    """Made up, empty, broken or endless."""
    assert await world.one.lookup(header) is None


async def test_two_numbers_are_nobody_s(world: World) -> None:
    """Another host of the domain may have planted one: which is ours cannot be told."""
    header = cookie(await world.one.start(Session("ada")))

    assert await world.one.lookup(f"{header}; __Host-intertie={'B' * 43}") is None
    assert await world.one.lookup(f"{header}; {header}") is not None


async def test_a_login_replaces_the_session_of_the_browser(world: World) -> None:
    """The number is new, and the old one opens nothing."""
    old = cookie(await world.one.start(Session("ada")))

    new = cookie(await world.one.start(Session("ada"), cookie_header=old))

    assert new != old
    assert await world.one.lookup(old) is None
    assert await world.one.lookup(new) is not None


async def test_it_ends_when_nobody_uses_it(world: World) -> None:
    """And lasts while somebody does, up to its end."""
    idle, used = [cookie(await world.one.start(Session("ada"))) for _ in range(2)]

    for _ in range(9):
        world.later(90)
        assert await world.two.lookup(used) is not None
    unused = await world.two.lookup(idle)
    world.later(89)
    last = await world.two.lookup(used)
    world.later(101)

    assert unused is None
    assert last is not None
    assert await world.two.lookup(used) is None
    assert (await world.records.find(COLLECTION)).total == 0


async def test_a_tenant_s_own_duration(world: World) -> None:
    """Takes the place of the general one."""
    header = await world.one.start(Session("ada"), duration_s=50)
    world.later(51)

    assert "Max-Age=50" in header
    assert await world.one.lookup(cookie(header)) is None


async def test_what_one_process_ends_is_over_in_all_within_a_second(world: World) -> None:
    """Though both remember it."""
    header = cookie(await world.one.start(Session("ada")))
    assert await world.two.lookup(header) is not None
    (session,) = await world.one.of_user("ada")

    assert await world.one.end(session.key)
    world.later(0.6)

    assert await world.one.lookup(header) is None
    assert await world.two.lookup(header) is None
    assert not await world.one.end(session.key)


async def test_a_use_does_not_bring_back_what_ended(world: World) -> None:
    """Though it is written down a moment after."""
    header = cookie(await world.one.start(Session("ada")))
    await world.two.lookup(header)
    await world.one.end_of_user("ada")
    world.later(20)

    assert await world.two.lookup(header) is None
    assert (await world.records.find(COLLECTION)).total == 0


async def test_sessions_end_by_user_by_sid_and_by_subject(world: World) -> None:
    """And no others with them."""
    told = [
        Session("ada", provider="p", subject="s1", sid="1"),
        Session("ada", provider="p", subject="s1", sid="2"),
        Session("ada", provider="q", subject="s1", sid="1"),
        Session("ada", provider="p", subject="s2", sid="3"),
    ]
    headers = [cookie(await world.one.start(each)) for each in told]

    async def alive() -> list[bool]:
        world.later(1)
        return [await world.two.lookup(each) is not None for each in headers]

    assert await world.one.end_by_sid("p", "1") == 1
    assert await alive() == [False, True, True, True]
    assert await world.one.end_by_subject("p", "s1") == 1
    assert await alive() == [False, False, True, True]
    assert await world.one.end_of_user("ada") == 2
    assert await alive() == [False] * 4


async def test_users_are_as_they_are_now(world: World) -> None:
    """Other roles count, and so does that somebody was shut out."""
    header = cookie(await world.one.start(Session("ada")))
    await world.one.lookup(header)
    world.people.roles["ada"] = ("admin",)
    world.people.changes += 1
    world.later(0.6)
    promoted = await world.one.lookup(header)
    world.people.epoch += 1
    world.people.changes += 1
    world.later(0.6)

    assert promoted is not None
    assert promoted.roles == ("admin",)
    assert await world.one.lookup(header) is None


async def test_a_known_session_costs_microseconds(world: World) -> None:
    """The gateway asks for each request."""
    header = cookie(await world.one.start(Session("ada")))
    await world.one.lookup(header)

    took: list[float] = []
    for _ in range(2000):
        began = time.perf_counter()
        await world.one.lookup(header)
        took.append(time.perf_counter() - began)

    assert median(took) < 200e-6


async def test_without_tls_the_name_is_another(world: World) -> None:
    """Browsers refuse `__Host-` on plain connections."""
    plain = Cookies(secure=False)

    assert plain.set("x").startswith("intertie=x;")
    assert "Secure" not in plain.set("x")
