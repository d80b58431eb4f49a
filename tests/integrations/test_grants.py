"""Tokens for calls, on a played vendor: at hand, waited for by many, refused, given back."""

from collections.abc import AsyncIterator
from pathlib import Path
from timeit import timeit

import pytest
from anyio import CancelScope, Event, create_task_group

from intertie.integrations.errors import (
    AuthExpiredError,
    InvalidError,
    ScopeMissingError,
    VendorDownError,
)
from intertie.integrations.vault import GRANTS, place
from tests.integrations.grant_house import (
    LIFE_S,
    Either,
    ForItself,
    House,
    house,
)
from tests.integrations.stage import answer

pytestmark = pytest.mark.anyio


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[House]:
    """A vendor and a database."""
    async with house(tmp_path) as made:
        yield made


async def test_a_good_token_is_used_without_asking_anybody(at: House) -> None:
    """Also by a process that has just started."""
    one = await at.with_grant()
    two = await at.process()

    assert (await one.main.me()).id == "access-1"
    assert (await two.connection().me()).id == "access-1"

    assert at.vendor.forms == []


async def test_many_calls_at_once_renew_once(at: House) -> None:
    """The others wait for the one that asks, and get what it got."""
    process = await at.with_grant()
    at.clock.time_s += LIFE_S
    at.vendor.gate = Event()
    got: list[str] = []

    async def call() -> None:
        got.append((await process.main.me()).id)

    async with create_task_group() as group:
        for _ in range(100):
            group.start_soon(call)
        await at.vendor.asked.wait()
        at.vendor.gate.set()

    assert got == ["access-2"] * 100
    assert len(at.vendor.forms) == 1


async def test_a_failure_is_shared_as_well(at: House) -> None:
    """Nobody asks again what has just been refused to another."""
    process = await at.with_grant()
    at.clock.time_s += LIFE_S
    at.vendor.faults = [answer({}, 503)]
    at.vendor.gate = Event()
    faults: list[VendorDownError] = []

    async def call() -> None:
        try:
            await process.desk.token(process.main, process.main.auth)
        except VendorDownError as exc:
            faults.append(exc)

    async with create_task_group() as group:
        for _ in range(20):
            group.start_soon(call)
        await at.vendor.asked.wait()
        at.vendor.gate.set()

    assert [each.status for each in faults] == [503] * 20
    assert len({id(each) for each in faults}) == 20
    assert len(at.vendor.forms) == 1


async def test_a_refused_token_is_renewed_once_for_all(at: House) -> None:
    """Whoever comes with the old one later gets what is there by then."""
    process = await at.with_grant()
    at.vendor.bad = {"access-1"}

    assert (await process.main.me()).id == "access-2"
    await process.desk.refused(process.main, "access-1")
    await process.desk.refused(process.main, "access-0")
    assert process.desk.held(process.main) == "access-2"

    assert (await process.main.me()).id == "access-2"
    assert len(at.vendor.forms) == 1


async def test_a_token_that_another_process_renewed_is_taken_over(at: House) -> None:
    """The vendor refuses our old one; the record has the new one already."""
    one = await at.with_grant()
    two = await at.process()
    assert (await two.connection().me()).id == "access-1"
    at.vendor.bad = {"access-1"}
    assert (await one.main.me()).id == "access-2"

    assert (await two.main.me()).id == "access-2"

    assert len(at.vendor.forms) == 1


async def test_who_waits_for_a_caller_that_goes_away_asks_itself(at: House) -> None:
    """Nobody waits for ever for somebody who was cancelled before asking."""
    process = await at.with_grant()
    other = await at.process()
    at.clock.time_s += LIFE_S
    record = await process.records.get(GRANTS, place("acme", "main"))
    taken = {**record.document, "owner": "another", "until": at.clock() + 20}
    await process.records.put(GRANTS, record.id, taken)
    waiting, scope, got = Event(), CancelScope(), list[str]()

    async def pause(seconds: float) -> None:
        waiting.set()
        await Event().wait()

    process.stage.tools.sleep = pause

    async def first() -> None:
        with scope:
            await process.main.me()

    async def second() -> None:
        got.append((await process.main.me()).id)

    async with create_task_group() as group:
        group.start_soon(first)
        await waiting.wait()
        group.start_soon(second)
        process.stage.tools.sleep = other.stage.pause
        scope.cancel()

    assert got == ["access-2"]


async def test_nobody_has_given_consent(at: House) -> None:
    """Nothing is asked, and the cure is named."""
    process = await at.process()
    cure = "nobody has given consent; run: intertie integrations connect acme/main"

    with pytest.raises(AuthExpiredError, match=cure):
        await process.connection().me()
    assert await process.desk.state(process.main) is None
    assert process.stage.vendor.asked == []


async def test_a_program_gets_tokens_for_itself(at: House) -> None:
    """One for all processes, and another one when it ends."""
    one, two = await at.process(), await at.process()

    assert (await one.connection(ForItself).me()).id == "access-2"
    assert (await two.connection(ForItself).me()).id == "access-2"
    at.clock.time_s += LIFE_S
    assert (await two.main.me()).id == "access-3"

    assert at.vendor.forms == [{"grant_type": "client_credentials", "scope": "all"}] * 2


async def test_ways_that_allow_both_go_by_the_setting(at: House) -> None:
    """Empty acts for the app; with scopes a person has to say yes."""
    process = await at.process()

    assert (await process.connection(Either).me()).id == "access-2"
    await process.stage.registry.remove("main", "acme")
    with pytest.raises(AuthExpiredError, match="nobody has given consent"):
        await process.desk.token(process.connection(Either, scope="read"), process.main.auth)

    assert at.vendor.forms == [{"grant_type": "client_credentials"}]


async def test_scopes_are_known_from_the_record(at: House) -> None:
    """Once it is loaded: a process that has just started warns before it sends."""
    await at.with_grant(scope="read")
    process = await at.process()
    connection = process.connection()
    assert process.desk.scopes(connection) is None

    assert await process.desk.load(connection)

    with pytest.raises(ScopeMissingError, match="lacks write"):
        await connection.post()


async def test_a_grant_is_given_back(at: House) -> None:
    """The vendor hears of it, and no process has it any more."""
    process = await at.with_grant()

    assert await process.desk.revoke(process.main)

    sent = process.stage.vendor.asked[-1]
    assert sent.url == "https://vendor.test/revoke"
    assert sent.body == b"token=refresh-1&token_type_hint=refresh_token"
    assert process.desk.held(process.main) is None
    with pytest.raises(AuthExpiredError, match="nobody has given consent"):
        await process.main.me()
    assert not await process.desk.revoke(process.main)


async def test_connections_without_oauth_have_no_grant(at: House) -> None:
    """The error names the connection."""
    process = await at.process()
    connection = process.connection()
    connection.auth = object()

    with pytest.raises(InvalidError, match=r"acme/main: it does not log in by OAuth 2\.0"):
        await process.desk.begin(connection, "https://here.test/back")


async def test_a_token_at_hand_costs_nothing(at: House) -> None:
    """No waiting, and less than 20 microseconds even on a busy machine."""
    process = await at.with_grant()
    connection, held = process.main, process.desk.held

    took_s = min(timeit(lambda: held(connection), number=2000) for _ in range(5)) / 2000

    assert held(connection) == "access-1"
    assert took_s < 20e-6
