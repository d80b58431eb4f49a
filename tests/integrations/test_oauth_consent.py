"""Consents under way: good once, for ten minutes, for the session that began."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from anyio import create_task_group

from intertie.integrations.errors import (
    AuthExpiredError,
    InvalidError,
)
from intertie.integrations.vault import CONSENTS
from tests.integrations.grant_house import (
    ForItself,
    House,
    Process,
    granted,
    house,
    refused,
)

pytestmark = pytest.mark.anyio
BACK = "https://here.test/back"


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[House]:
    """A played vendor and a database."""
    async with house(tmp_path) as made:
        yield made


def query(url: str) -> dict[str, str]:
    """Of an address."""
    return dict(parse_qsl(urlsplit(url).query))


def finder(process: Process) -> Any:
    """How `finish` gets at its connection."""
    return process.stage.registry.get


async def test_a_state_is_good_once(at: House) -> None:
    """Also for two who come with it at the same moment."""
    process = await at.process()
    state = query(await process.desk.begin(process.connection(), BACK))["state"]
    outcomes: list[str] = []

    async def finish() -> None:
        try:
            outcomes.append(await process.desk.finish(state, "code", find=finder(process)))
        except InvalidError as exc:
            outcomes.append(str(exc))

    async with create_task_group() as group:
        for _ in range(5):
            group.start_soon(finish)

    assert outcomes.count("acme/main") == 1
    assert sum("finished already" in each for each in outcomes) == 4
    assert len(at.vendor.forms) == 1


@pytest.mark.parametrize("late_s", [600, 601])
async def test_a_state_is_good_for_ten_minutes(at: House, late_s: float) -> None:
    """Who is slower starts anew."""
    process = await at.process()
    state = query(await process.desk.begin(process.connection(), BACK))["state"]
    at.clock.time_s += late_s

    if late_s <= 600:
        await process.desk.finish(state, "code", find=finder(process))
    else:
        with pytest.raises(InvalidError, match="too old; start anew"):
            await process.desk.finish(state, "code", find=finder(process))


@pytest.mark.parametrize("state", ["", "made-up", "x" * 43])
async def test_a_made_up_state_is_refused(at: House, state: str) -> None:
    """The vendor is not asked."""
    process = await at.process()
    await process.desk.begin(process.connection(), BACK)

    with pytest.raises(InvalidError, match="cannot finish the log-in: it is unknown"):
        await process.desk.finish(state, "code", find=finder(process))

    assert at.vendor.forms == []


async def test_a_state_belongs_to_the_session_that_began(at: House) -> None:
    """Nobody can be made to finish the log-in of somebody else; the state is spent with it."""
    process = await at.process()
    state = query(await process.desk.begin(process.connection(), BACK, session="anns"))["state"]

    for session in ("bobs", "anns"):
        with pytest.raises(InvalidError):
            await process.desk.finish(state, "code", find=finder(process), session=session)

    assert at.vendor.forms == []


async def test_another_process_may_finish(at: House) -> None:
    """The browser comes back to whichever it is sent."""
    one, two = await at.process(), await at.process()
    state = query(await one.desk.begin(one.connection(), BACK))["state"]
    connection = two.connection()

    assert await two.desk.finish(state, "code", find=finder(two)) == "acme/main"

    assert (await connection.me()).id == "access-2"
    assert (await one.stage.registry.get("main", "acme").me()).id == "access-2"  # type: ignore[union-attr]


async def test_a_connection_that_went_away_cannot_be_finished(at: House) -> None:
    """Its name is in the error."""
    process = await at.process()
    state = query(await process.desk.begin(process.connection(), BACK))["state"]
    await process.stage.registry.remove("main", "acme")

    with pytest.raises(InvalidError, match="acme/main is not there any more"):
        await process.desk.finish(state, "code", find=finder(process))


async def test_a_code_that_is_refused_leaves_the_old_grant(at: House) -> None:
    """Consent was begun anew and failed: calls go on as before."""
    process = await at.process()
    connection = process.connection()
    await process.desk.store(connection, granted())
    state = query(await process.desk.begin(connection, BACK))["state"]
    at.vendor.faults = [refused("invalid_grant", error_description="code c0de-1 was used")]

    with pytest.raises(AuthExpiredError, match="invalid_grant: code … was used"):
        await process.desk.finish(state, "c0de-1", find=finder(process))

    assert (await connection.me()).id == "access-1"


async def test_what_nobody_finished_is_swept_away(at: House) -> None:
    """The next one who begins takes it out."""
    process = await at.process()
    connection = process.connection()
    await process.desk.begin(connection, BACK)
    await process.desk.begin(connection, BACK)
    at.clock.time_s += 601

    await process.desk.begin(connection, BACK)

    assert (await process.records.find(CONSENTS)).total == 1


async def test_scopes_are_those_that_were_asked_for_unless_the_vendor_says(at: House) -> None:
    """RFC 6749 §5.1."""
    process = await at.process()
    connection = process.connection()
    state = query(await process.desk.begin(connection, BACK, scopes=["read"]))["state"]

    await process.desk.finish(state, "code", find=finder(process))

    assert process.desk.scopes(connection) == frozenset({"read"})


@pytest.mark.parametrize("address", ["http://here.test/back", "javascript:alert(1)", ""])
async def test_a_code_is_sent_to_no_open_address(at: House, address: str) -> None:
    """Only over TLS, or to this machine."""
    process = await at.process()

    with pytest.raises(InvalidError, match="would get the code in clear; use https"):
        await process.desk.begin(process.connection(), address)


async def test_a_program_for_itself_has_no_consent_page(at: House) -> None:
    """The error says what it does instead."""
    process = await at.process()

    with pytest.raises(InvalidError, match="the program gets tokens for itself"):
        await process.desk.begin(process.connection(ForItself), BACK)
