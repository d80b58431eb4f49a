"""Challenges: good for one answer, for one purpose, for a while."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from intertie.errors import AccessDeniedError
from intertie.identity.audit import Audit
from intertie.identity.challenges import Challenges
from intertie.identity.sealed import Sealer
from intertie.identity.store import Desk
from intertie.store.sqlite import SqliteRecords
from tests.identity.house import TENANTS, Clock

pytestmark = pytest.mark.anyio


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """On new files, with a clock that stands still."""
    clock = Clock()
    async with (
        SqliteRecords.open(tmp_path / "rows.db") as records,
        Audit.open(tmp_path / "audit.db", now=clock) as audit,
    ):
        yield Desk(records, Sealer.open(tmp_path / "master"), audit, TENANTS, clock)


def _later(desk: Desk, seconds: float) -> None:
    assert isinstance(desk.now, Clock)
    desk.now.move(seconds)


async def test_an_answer_counts_once(desk: Desk) -> None:
    """Of many who give it at the same time one is accepted."""
    challenges = Challenges(desk)
    challenge = challenges.make("sign-in")
    accepted: list[int] = []

    async def answer(number: int) -> None:
        with suppress(AccessDeniedError):
            await challenges.use_up(challenge)
            accepted.append(number)

    challenges.check(challenge, "sign-in")
    async with anyio.create_task_group() as group:
        for number in range(5):
            group.start_soon(answer, number)

    assert len(accepted) == 1
    with pytest.raises(AccessDeniedError, match="it was given before"):
        await challenges.use_up(challenge)


async def test_it_is_for_its_own_purpose_and_from_here(desk: Desk) -> None:
    """Neither another purpose, nor a changed byte, nor one that somebody made up."""
    challenges = Challenges(desk)
    challenge = challenges.make("register:ann")

    for wrong, purpose in [
        (challenge, "register:bob"),
        (challenge[:-1], "register:ann"),
        (challenge + b"x", "register:ann"),
        (b"", "register:ann"),
    ]:
        with pytest.raises(AccessDeniedError, match="not from here"):
            challenges.check(wrong, purpose)
    for place in (0, 16, 23, 30, 59):
        changed = bytearray(challenge)
        changed[place] ^= 1
        with pytest.raises(AccessDeniedError, match="not from here"):
            challenges.check(bytes(changed), "register:ann")


async def test_one_with_a_key_that_never_was_is_refused(desk: Desk) -> None:
    """The id of the master key is in it, and a stranger may write any there."""
    challenges = Challenges(desk)
    challenge = challenges.make("p")

    with pytest.raises(AccessDeniedError, match="not from here"):
        challenges.check(challenge[:24] + b"\xff\xff\xff\xff" + challenge[28:], "p")


async def test_it_ends(desk: Desk) -> None:
    """And says so."""
    challenges = Challenges(desk, lifetime_s=60)
    challenge = challenges.make("p")

    _later(desk, 59)
    challenges.check(challenge, "p")
    _later(desk, 1)

    with pytest.raises(AccessDeniedError, match="it took too long"):
        challenges.check(challenge, "p")


async def test_asking_stores_nothing_and_answers_are_forgotten(desk: Desk) -> None:
    """Nobody fills the disk: what was used up is removed once it would be too old anyway."""
    challenges = Challenges(desk, lifetime_s=60)
    for _ in range(100):
        challenges.make("p")
    assert (await desk.records.find("identity_used")).total == 0
    for _ in range(10):
        await challenges.use_up(challenges.make("p"))

    _later(desk, 61)
    await challenges.use_up(challenges.make("p"))

    assert (await desk.records.find("identity_used")).total == 1
