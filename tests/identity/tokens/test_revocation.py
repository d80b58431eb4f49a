"""What is no longer good though it is signed."""

from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.identity.principal import Principal
from intertie.identity.tokens.revocation import COLLECTION, Claims, Revoked
from tests.identity.tokens.stage import ADA, START, Side, sides
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

CLAIMS = {
    "jti": "j1",
    "sid": "s1",
    "grant": "g1",
    "tenant": "acme",
    "principal": "user:ada",
    "sub": "ada",
    "iat": int(START),
}


def without(name: str) -> Claims:
    """Of a token that has another one of these."""
    return {**CLAIMS, name: "other"}


async def revoke(side: Side, what: str) -> None:
    """What of the claims is revoked."""
    match what:
        case "jti":
            await side.revocations.revoke_token("j1", expires_at=START + 3600)
        case "sid":
            await side.revocations.revoke_session("s1")
        case "grant":
            await side.revocations.revoke_grant("g1")
        case _:
            await side.revocations.revoke_subject(ADA)


@pytest.mark.parametrize("what", ["jti", "sid", "grant", "principal"])
async def test_everything_of_it_is_revoked_and_nothing_else(tmp_path: Path, what: str) -> None:
    """In the process that did it at once, in another one when it looks."""
    async with sides(tmp_path) as (here, there, _):
        await revoke(here, what)

        assert here.revocations.is_revoked(CLAIMS)
        assert not here.revocations.is_revoked(without(what))
        assert not there.revocations.is_revoked(CLAIMS)
        assert await there.revocations.refresh()
        assert there.revocations.is_revoked(CLAIMS)
        assert not there.revocations.is_revoked(without(what))


async def test_a_new_login_is_good(tmp_path: Path) -> None:
    """After the second of the revocation; a second one moves the line."""
    async with sides(tmp_path) as (here, there, clock):
        await here.revocations.revoke_subject(ADA)
        later = {**CLAIMS, "iat": int(START) + 1}
        assert not here.revocations.is_revoked(later)
        clock.time += 1
        await there.revocations.revoke_subject(ADA)
        await here.revocations.refresh()

        assert here.revocations.is_revoked(later)


async def test_a_session_and_a_grant_do_not_come_again(tmp_path: Path) -> None:
    """A token that somebody gets by them later is revoked too."""
    async with sides(tmp_path) as (here, _, _):
        await here.revocations.revoke_session("s1")
        await here.revocations.revoke_grant("g2")

        assert here.revocations.is_revoked({"sid": "s1", "iat": int(START) + 5000})
        assert here.revocations.is_revoked({"grant": "g2", "iat": int(START) + 5000})


async def test_a_key_or_service_of_the_same_name_is_another_one(tmp_path: Path) -> None:
    """And so is a user of another tenant."""
    async with sides(tmp_path) as (here, _, _):
        await here.revocations.revoke_subject(Principal("service", "ada", "acme"))
        await here.revocations.revoke_subject(Principal("user", "ada", "other"))

        assert not here.revocations.is_revoked(CLAIMS)
        assert not here.revocations.is_revoked({})


async def test_nothing_new_costs_one_look(tmp_path: Path) -> None:
    """The revision tells."""
    async with sides(tmp_path) as (here, there, _):
        assert not await there.revocations.refresh()
        await here.revocations.revoke_token("j1", expires_at=START + 3600)
        assert await there.revocations.refresh()
        assert there.revocations.revision == 1
        assert not await there.revocations.refresh()


async def test_a_process_that_starts_learns_all(tmp_path: Path) -> None:
    """However many there are."""
    async with sides(tmp_path) as (here, there, _):
        for number in range(450):
            await here.revocations.revoke_token(f"j{number}", expires_at=START + 3600)
        await there.revocations.refresh()

        assert all(there.revocations.is_revoked({"jti": f"j{n}", "iat": 1}) for n in range(450))


async def test_both_may_revoke_at_once(tmp_path: Path) -> None:
    """Neither misses anything of the other."""
    async with sides(tmp_path) as (here, there, _):

        async def twenty(side: Side, name: str) -> None:
            for number in range(20):
                await side.revocations.revoke_token(f"{name}{number}", expires_at=START + 3600)
                await side.revocations.refresh()

        async with create_task_group() as group:
            group.start_soon(twenty, here, "a")
            group.start_soon(twenty, there, "b")
        await here.revocations.refresh()
        await there.revocations.refresh()

        for side in (here, there):
            for name in ("a", "b"):
                tokens = [{"jti": f"{name}{number}", "iat": 1} for number in range(20)]
                assert all(side.revocations.is_revoked(each) for each in tokens)


async def test_all_that_is_revoked_is_told_to_those_who_look_themselves(tmp_path: Path) -> None:
    """Sorted, each once, users with the time, and nothing that no token can be of any more."""
    async with sides(tmp_path) as (here, there, clock):
        for what in ("sid", "jti", "grant", "principal"):
            await revoke(here, what)
        await there.revocations.refresh()
        known = there.revocations.entries()
        clock.time += 3 * 3600
        later = there.revocations.entries()

    ada = Revoked("subject", "user:ada", "acme", int(START))
    assert known == (Revoked("grant", "g1"), Revoked("jti", "j1"), Revoked("sid", "s1"), ada)
    assert [each.kind for each in later] == ["grant", "sid", "subject"]


async def test_what_has_outlived_its_tokens_is_forgotten(tmp_path: Path) -> None:
    """In memory and in the store; a user is known for as long as there may be a token."""
    async with sides(tmp_path) as (here, _, clock):
        await here.revocations.revoke_token("j1", expires_at=START + 3600)
        await here.revocations.revoke_session("s2")
        await here.revocations.revoke_subject(ADA)
        assert await here.revocations.forget() == 0
        clock.time += 3600 + 3601
        assert await here.revocations.forget() == 1
        clock.time += 30 * 86400
        assert await here.revocations.forget() == 1

        assert not here.revocations.is_revoked({"jti": "j1", "sid": "s2", "iat": 1})
        assert here.revocations.is_revoked(CLAIMS)
        assert (await here.records.find(COLLECTION)).total == 1


async def test_what_is_said_again_is_kept_once(tmp_path: Path) -> None:
    """However often somebody brings a stolen code."""
    async with sides(tmp_path) as (here, _, clock):
        for _ in range(3):
            clock.time += 1
            await here.revocations.revoke_grant("g1")
            await here.revocations.revoke_subject(ADA)

        assert await here.revocations.forget() == 2
        assert (await here.records.find(COLLECTION)).total == 2
        assert here.revocations.is_revoked({**CLAIMS, "grant": "", "iat": int(START) + 3})


async def test_many_of_its_own_hide_none_of_another(tmp_path: Path) -> None:
    """What another process said before them is found below them."""
    async with sides(tmp_path) as (here, there, _):
        await there.revocations.revoke_session("s1")
        for number in range(250):
            await here.revocations.revoke_grant(f"g-{number}")
        await here.revocations.refresh()

        assert here.revocations.is_revoked(CLAIMS)


async def test_a_follower_learns_by_itself(tmp_path: Path) -> None:
    """As long as it runs."""
    async with sides(tmp_path) as (here, there, _), create_task_group() as group:
        group.start_soon(there.revocations.follow, 0.01)
        await here.revocations.revoke_session("s1")
        await eventually(lambda: there.revocations.is_revoked(CLAIMS))
        group.cancel_scope.cancel()
