"""Refresh tokens: good once, and of a family that dies as a whole."""

import subprocess
import sys
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.identity.tokens.pepper import Pepper
from intertie.identity.tokens.refresh import COLLECTION, Refused, Rotated
from tests.identity.tokens.stage import ADA, START, Side, grant, sides

pytestmark = pytest.mark.anyio
SCRIPT = Path(__file__).parent / "refresh_once.py"
SESSION = {"sid": "s1", "iat": int(START)}


async def next_of(side: Side, token: str, client_id: str = "web") -> str:
    """The successor, which there must be."""
    found = await side.refresh.rotate(token, client_id)
    assert isinstance(found, Rotated), found
    return found.token


async def why_not(side: Side, token: str, client_id: str = "web") -> str:
    """Why there is none, which there must not be."""
    found = await side.refresh.rotate(token, client_id)
    assert isinstance(found, Refused), found
    return found.why


async def test_each_use_gives_another_token(tmp_path: Path) -> None:
    """Of the same grant, in any process."""
    async with sides(tmp_path) as (here, there, clock):
        tokens = [await here.refresh.start(grant())]
        for side in (here, there, here, there):
            clock.time += 60
            tokens.append(await next_of(side, tokens[-1]))

        assert len(set(tokens)) == 5
        assert await here.refresh.grant_of(tokens[-1]) == grant()
        assert await here.refresh.grant_of(tokens[-2]) is None


async def test_the_store_knows_hashes_only(tmp_path: Path) -> None:
    """Nothing in it is a token or makes one."""
    async with sides(tmp_path) as (here, _, _):
        first = await here.refresh.start(grant())
        second = await next_of(here, first)
        kept = str((await here.records.find(COLLECTION)).items)

    for token in (first, second):
        _, secret, mark = token.split(".")
        assert secret not in kept
        assert mark not in kept


async def test_a_retry_gets_the_same_answer(tmp_path: Path) -> None:
    """Within 20 s, in any process, as long as the successor is unused."""
    async with sides(tmp_path) as (here, there, clock):
        first = await here.refresh.start(grant())
        second = await next_of(here, first)
        clock.time += 20

        assert await next_of(there, first) == second
        assert await next_of(here, first) == second
        assert await next_of(here, second) != second


@pytest.mark.parametrize("late_s", [20.1, 3600])
async def test_late_reuse_ends_the_family_and_the_session(tmp_path: Path, late_s: float) -> None:
    """A thief and the user cannot be told apart: both lose it, everywhere."""
    async with sides(tmp_path) as (here, there, clock):
        first = await here.refresh.start(grant())
        second = await next_of(here, first)
        clock.time += late_s

        assert await why_not(there, first) == "reused"
        assert await why_not(here, second) == "revoked"
        assert here.revocations.is_revoked(SESSION)
        assert here.revocations.is_revoked({"grant": "g1", "iat": int(START)})
        assert await here.refresh.grant_of(second) is None


async def test_reuse_after_the_successor_was_used_is_theft(tmp_path: Path) -> None:
    """However soon: whoever retries has not got the successor."""
    async with sides(tmp_path) as (here, _, _):
        first = await here.refresh.start(grant())
        third = await next_of(here, await next_of(here, first))

        assert await why_not(here, first) == "reused"
        assert await why_not(here, third) == "revoked"


async def test_another_client_cannot_use_it(tmp_path: Path) -> None:
    """That has it, it was stolen: the family ends."""
    async with sides(tmp_path) as (here, _, _):
        first = await here.refresh.start(grant())

        assert await why_not(here, first, "evil") == "client"
        assert await why_not(here, first) == "revoked"


async def test_other_families_and_sessions_live_on(tmp_path: Path) -> None:
    """Reuse in one says nothing of the next."""
    async with sides(tmp_path) as (here, _, clock):
        stolen = await here.refresh.start(grant("g1", sid="s1"))
        other = await here.refresh.start(grant("g2", sid="s2"))
        await next_of(here, stolen)
        clock.time += 60
        await why_not(here, stolen)

        await next_of(here, other)


@pytest.mark.parametrize("text", ["", "..", "a.b.c", "g1.guess.mark", "x" * 300, "a.b", "g1.é.ü"])
async def test_nobody_ends_a_family_by_guessing(tmp_path: Path, text: str) -> None:
    """What was not made here is unknown, and changes nothing."""
    async with sides(tmp_path) as (here, _, _):
        token = await here.refresh.start(grant())
        family, secret, mark = token.split(".")

        assert await why_not(here, text) == "unknown"
        assert await why_not(here, f"{family}.{secret}A.{mark}") == "unknown"
        assert await why_not(here, f"g2.{secret}.{mark}") == "unknown"
        await next_of(here, token)


async def test_a_token_nobody_uses_ends(tmp_path: Path) -> None:
    """After 14 days; each use begins them anew."""
    async with sides(tmp_path) as (here, _, clock):
        first = await here.refresh.start(grant())
        clock.time += 14 * 86400 - 1
        second = await next_of(here, first)
        clock.time += 14 * 86400

        assert await why_not(here, second) == "expired"


async def test_a_family_ends_whatever_happens_in_it(tmp_path: Path) -> None:
    """After 30 days."""
    async with sides(tmp_path) as (here, _, clock):
        token = await here.refresh.start(grant())
        for _ in range(29):
            clock.time += 86400
            token = await next_of(here, token)
        clock.time += 86400

        assert await why_not(here, token) == "expired"


async def test_families_that_ended_are_deleted(tmp_path: Path) -> None:
    """The store does not grow forever."""
    async with sides(tmp_path) as (here, _, clock):
        for number in range(5):
            await here.refresh.start(grant(f"g{number}"))
        clock.time += 15 * 86400
        await here.refresh.start(grant("last"))

        assert [each.id for each in (await here.records.find(COLLECTION)).items] == ["last"]


@pytest.mark.parametrize("what", ["session", "grant", "subject"])
async def test_what_is_revoked_is_not_refreshed(tmp_path: Path, what: str) -> None:
    """Though another process did it just now."""
    async with sides(tmp_path) as (here, there, _):
        token = await here.refresh.start(grant())
        match what:
            case "session":
                await there.revocations.revoke_session("s1")
            case "grant":
                await there.revocations.revoke_grant("g1")
            case _:
                await there.revocations.revoke_subject(ADA)

        assert await why_not(here, token) == "revoked"


async def test_only_its_client_revokes_a_token(tmp_path: Path) -> None:
    """And with it all access tokens of the grant."""
    async with sides(tmp_path) as (here, _, _):
        token = await here.refresh.start(grant())
        await here.refresh.revoke(token, "evil")
        await here.refresh.revoke("a.b.c", "web")
        token = await next_of(here, token)

        await here.refresh.revoke(token, "web")

        assert await why_not(here, token) == "revoked"
        assert not here.revocations.is_revoked(SESSION)


async def test_many_at_once_get_one_successor(tmp_path: Path) -> None:
    """Two connections, ten requests."""
    async with sides(tmp_path) as (here, there, _):
        token, got = await here.refresh.start(grant()), list[str]()

        async def use(side: Side) -> None:
            got.append(await next_of(side, token))

        async with create_task_group() as group:
            for side in (here, there) * 5:
                group.start_soon(use, side)

        assert len(got) == 10
        assert len(set(got)) == 1


@pytest.mark.slow
async def test_two_processes_at_once_get_one_successor(tmp_path: Path) -> None:
    """Neither takes the other for a thief."""
    async with sides(tmp_path) as (side, _, clock):
        here = Side(side.records, clock, Pepper.open(tmp_path))
        token = await here.refresh.start(grant())
        command = [sys.executable, str(SCRIPT), str(tmp_path), token, "web"]
        pipe = subprocess.PIPE
        both = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]  # noqa: ASYNC220
        for each in both:
            assert each.stdout is not None
            assert each.stdout.readline() == "ready\n"
        for each in both:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        told = [each.communicate(timeout=120)[0].strip() for each in both]

        assert told[0] == told[1]
        assert await next_of(here, told[0]) != told[0]
