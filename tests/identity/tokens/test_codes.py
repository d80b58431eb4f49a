"""Authorization codes: good once."""

import hashlib
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.identity.tokens import base64url
from intertie.identity.tokens.codes import COLLECTION, Asked, BadCode, Redeemed
from tests.identity.tokens.stage import START, Side, grant, sides

pytestmark = pytest.mark.anyio

VERIFIER = "v" * 43
CHALLENGE = base64url.encode(hashlib.sha256(VERIFIER.encode()).digest())
URI = "https://app.test/done"
ASKED = Asked(URI, CHALLENGE, "n1")


async def redeem(side: Side, code: str, **other: str) -> Redeemed | BadCode:
    """As the client does, or with something else."""
    shown = {"client_id": "web", "redirect_uri": URI, "verifier": VERIFIER, **other}
    return await side.codes.redeem(code, **shown)


async def test_a_code_is_good_once(tmp_path: Path) -> None:
    """In any process; a second use ends what the first one gave."""
    async with sides(tmp_path) as (here, there, _):
        code = await here.codes.issue(grant(), ASKED)

        assert await redeem(there, code) == Redeemed(grant(), "n1")
        assert not there.revocations.is_revoked({"grant": "g1", "iat": int(START)})
        assert await redeem(here, code) == BadCode("used")
        assert here.revocations.is_revoked({"grant": "g1", "iat": int(START)})


async def test_a_code_lives_a_minute(tmp_path: Path) -> None:
    """Not longer."""
    async with sides(tmp_path) as (here, _, clock):
        code = await here.codes.issue(grant(), ASKED)
        clock.time += 60

        assert await redeem(here, code) == BadCode("expired")


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"client_id": "evil"}, "client"),
        ({"redirect_uri": URI + "/"}, "redirect"),
        ({"verifier": "w" * 43}, "verifier"),
        ({"verifier": ""}, "verifier"),
        ({"verifier": CHALLENGE}, "verifier"),
        ({"verifier": "v" * 42}, "verifier"),
    ],
)
async def test_a_code_is_for_who_asked_for_it(
    tmp_path: Path, other: dict[str, str], why: str
) -> None:
    """Client, address and proof; who has none of them does not use it up."""
    async with sides(tmp_path) as (here, _, _):
        code = await here.codes.issue(grant(), ASKED)

        assert await redeem(here, code, **other) == BadCode(why)  # type: ignore[arg-type] # of the list above
        assert isinstance(await redeem(here, code), Redeemed)


async def test_a_code_of_a_session_that_ended_is_worth_nothing(tmp_path: Path) -> None:
    """Though it was made before the user logged out."""
    async with sides(tmp_path) as (here, there, _):
        code = await here.codes.issue(grant(), ASKED)
        await there.revocations.revoke_session("s1")

        assert await redeem(here, code) == BadCode("revoked")


@pytest.mark.parametrize("code", ["", "guess", "x" * 129])
async def test_a_guess_is_unknown(tmp_path: Path, code: str) -> None:
    """Whatever it is."""
    async with sides(tmp_path) as (here, _, _):
        assert await redeem(here, code) == BadCode("unknown")


async def test_two_at_once_get_at_most_one(tmp_path: Path) -> None:
    """And what that one got is ended: somebody else had the code too."""
    async with sides(tmp_path) as (here, there, _):
        code, got = await here.codes.issue(grant(), ASKED), list[Redeemed | BadCode]()

        async def use(side: Side) -> None:
            got.append(await redeem(side, code))

        async with create_task_group() as group:
            for side in (here, there, here, there):
                group.start_soon(use, side)
        await here.revocations.refresh()

        assert sum(isinstance(each, Redeemed) for each in got) == 1
        assert here.revocations.is_revoked({"grant": "g1", "iat": int(START)})


async def test_old_codes_are_deleted_and_none_is_stored(tmp_path: Path) -> None:
    """The store has hashes, and not for long."""
    async with sides(tmp_path) as (here, _, clock):
        code = await here.codes.issue(grant(), ASKED)
        assert code not in str((await here.records.find(COLLECTION)).items)
        clock.time += 2 * 3600
        await here.codes.issue(grant("g2"), ASKED)

        assert (await here.records.find(COLLECTION)).total == 1
