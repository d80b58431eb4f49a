"""Renewing a login at a provider that takes each refresh token once."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from anyio import CancelScope, create_task_group, wait_all_tasks_blocked
from starlette.responses import JSONResponse, Response

from intertie.identity.principal import Principal
from intertie.identity.sealed import Sealer
from intertie.identity.sso.cookies import Cookies
from intertie.identity.sso.oidc import Login, Oidc, OidcSettings, Tokens
from intertie.identity.sso.renewal import Renewals, open_tokens, renew_at, seal_tokens
from intertie.identity.sso.sessions import COLLECTION, Lifetimes, Session, Sessions
from intertie.store.sqlite import SqliteRecords
from tests.api.login.site import Clock
from tests.identity.sso.idp import ISSUER, Loose, Provider, asking

pytestmark = pytest.mark.anyio


class People:
    """One user, always the same."""

    async def present(self, user: str, epoch: int) -> Principal | None:
        """See Users."""
        return Principal("user", user)

    async def revision(self) -> int:
        """See Users."""
        return 0


@dataclass
class Rotating:
    """A provider with strict refresh tokens: shown twice, the login is over."""

    clock: Clock
    provider: Provider = field(default_factory=Provider)
    good: str = "r0"
    uses: int = 0

    def __post_init__(self) -> None:
        self.provider.token_answer = self.answer

    def answer(self, form: Loose) -> Response:
        """One new token for each old one."""
        if form["refresh_token"] != self.good:
            self.good = ""
            return JSONResponse({"error": "invalid_grant"}, 400)
        self.uses += 1
        self.good = f"r{self.uses}"
        moment = int(self.clock().timestamp())
        claims = {**self.provider.base(), "iat": moment, "exp": moment + 300}
        told = {"access_token": "a", "id_token": self.provider.sign(claims)}
        return JSONResponse({**told, "refresh_token": self.good, "expires_in": 60})


@dataclass
class World:
    """Two processes, and their provider."""

    processes: list[Sessions]
    provider: Rotating
    records: SqliteRecords
    sealer: Sealer
    clock: Clock

    async def begin(self) -> str:
        """A session that is to be renewed; what the browser sends."""
        sealed = seal_tokens(self.sealer, Tokens("id", "r0", 60), "s-1")
        moment = self.clock().timestamp()
        session = Session(
            "ada", provider="corporate", subject="s-1", tokens=sealed, renew_at=moment + 54
        )
        return (await self.processes[0].start(session)).partition(";")[0]

    async def session(self) -> Session:
        """As stored."""
        (found,) = await self.processes[0].of_user("ada")
        return found


@pytest.fixture
async def world(tmp_path: Path, sealer: Sealer, clock: Clock) -> AsyncIterator[World]:
    """See World."""
    rotating = Rotating(clock)
    async with AsyncExitStack() as stack:
        fetch = await stack.enter_async_context(asking(rotating.provider))
        settings = OidcSettings("corporate", ISSUER, "suite", "secret")
        made: list[Sessions] = []
        path = tmp_path / "shared.db"
        opened = [await stack.enter_async_context(SqliteRecords.open(path)) for _ in range(2)]
        for records in opened:
            oidc = Oidc(settings, fetch, now=clock)

            async def ask(session: Session, token: str, oidc: Oidc = oidc) -> Login:
                return await oidc.renew(token, session.subject)

            lifetimes = Lifetimes(1000.0, 500.0)
            sessions = Sessions(records, Cookies(), People(), lifetimes=lifetimes, now=clock)
            renewals = Renewals(records, sessions, ask, sealer=sealer, now=clock)
            sessions.renew = renewals.renew
            made.append(sessions)
        yield World(made, rotating, opened[0], sealer, clock)


async def test_of_many_requests_on_two_processes_one_renews(world: World) -> None:
    """And all of them stay logged in."""
    header = await world.begin()
    world.clock.advance(60)
    found: list[Principal | None] = []

    async def ask(sessions: Sessions) -> None:
        found.append(await sessions.lookup(header))

    async with create_task_group() as group:
        for number in range(20):
            group.start_soon(ask, world.processes[number % 2])

    assert [each is not None for each in found] == [True] * 20
    assert world.provider.uses == 1
    session = await world.session()
    assert open_tokens(world.sealer, session).refresh_token == "r1"
    assert session.renew_at > world.clock().timestamp()


async def test_again_and_again(world: World) -> None:
    """Each time with the newest token, whichever process asks."""
    header = await world.begin()

    for number in range(6):
        world.clock.advance(60)
        assert await world.processes[number % 2].lookup(header) is not None

    assert world.provider.uses == 6


async def test_a_refusal_ends_the_session(world: World) -> None:
    """The provider has shut the user out."""
    header = await world.begin()
    world.provider.good = "another"
    world.clock.advance(60)

    assert await world.processes[0].lookup(header) is None
    assert (await world.records.find(COLLECTION)).total == 0


async def test_another_user_s_tokens_end_the_session(world: World) -> None:
    """What the provider renews must be the same person."""
    header = await world.begin()
    world.provider.provider.claims["sub"] = "s-2"
    world.clock.advance(60)

    assert await world.processes[0].lookup(header) is None


async def test_a_provider_that_is_away_logs_nobody_out(world: World) -> None:
    """It is asked again a while later."""
    header = await world.begin()
    assert await world.processes[0].lookup(header) is not None
    world.provider.provider.is_away = True
    world.clock.advance(60)

    for _ in range(3):
        assert await world.processes[0].lookup(header) is not None
    asked = len(world.provider.provider.asked)
    world.provider.provider.is_away = False
    world.clock.advance(31)

    assert await world.processes[0].lookup(header) is not None
    assert asked <= 2
    assert world.provider.uses == 1


async def test_a_browser_that_goes_away_loses_no_token(world: World) -> None:
    """What the provider gave is written down all the same."""
    header = await world.begin()
    world.clock.advance(60)

    scope = CancelScope()

    def leave(form: Loose) -> Response:
        scope.cancel()
        return world.provider.answer(form)

    world.provider.provider.token_answer = leave
    with scope:
        await world.processes[0].lookup(header)

    assert world.provider.uses == 1
    assert open_tokens(world.sealer, await world.session()).refresh_token == "r1"
    assert await world.processes[1].lookup(header) is not None


async def test_a_process_that_died_does_not_hold_the_others_up(world: World) -> None:
    """Its lease runs out."""
    header = await world.begin()
    world.clock.advance(60)
    session = await world.session()
    record = await world.records.get(COLLECTION, session.key)
    held = {**record.document, "leased": world.clock().timestamp() + 30}
    await world.records.put(COLLECTION, session.key, held)

    async with create_task_group() as group:
        group.start_soon(world.processes[1].lookup, header)
        await wait_all_tasks_blocked()
        world.clock.advance(31)

    assert world.provider.uses == 1


def test_when_it_is_time() -> None:
    """A little before the provider's time is over; never without a refresh token."""
    assert renew_at(Tokens("i", "r", 100.0), 1000.0) == 1090
    assert renew_at(Tokens("i", "r", 1.0), 1000.0) == 1005
    assert renew_at(Tokens("i", "", 100.0), 1000.0) == 0
    assert renew_at(Tokens("i", "r", 0.0), 1000.0) == 0


def test_tokens_are_kept_sealed(sealer: Sealer) -> None:
    """For their session only."""
    sealed = seal_tokens(sealer, Tokens("id", "refresh", 1), "s-1")

    assert "refresh" not in sealed
    assert open_tokens(sealer, Session("a", subject="s-1", tokens=sealed)).id_token == "id"
    assert open_tokens(sealer, Session("a", subject="s-2", tokens=sealed)).id_token == ""
    assert open_tokens(sealer, Session("a")).refresh_token == ""
