"""Passwords: checked slowly, and the same for everybody."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from intertie.errors import IntertieError
from intertie.identity.audit import Actor
from intertie.identity.passwords import Cost, LoginRefusal, check_password
from intertie.identity.users import User
from tests.identity.house import ADMIN, CHEAP, House, open_house

pytestmark = pytest.mark.anyio

WORD = "correct horse battery"
BROWSER = Actor("-", via="login", address="10.0.0.1")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """With one user, ann, who has a password."""
    async with open_house(tmp_path) as opened:
        ann = await opened.identities.users.create(ADMIN, "ann")
        await opened.identities.passwords.set(ADMIN, ann.id, WORD)
        yield opened


async def _ann(house: House) -> User:
    found = await house.identities.users.by_login("ann")
    assert found is not None
    return found


async def _try(
    house: House, password: str, login: str = "ann", address: str = "10.0.0.1"
) -> User | LoginRefusal:
    actor = Actor("-", via="login", address=address)
    return await house.identities.passwords.login(actor, login, password)


async def test_the_right_password_tells_who_it_is(house: House) -> None:
    """In whatever case the login is typed, however the keyboard spells a letter."""
    ann = await _ann(house)
    await house.identities.passwords.set(ADMIN, ann.id, "pässword of ann 12")

    assert await _try(house, "pa\u0308ssword of ann 12", "ANN") == await _ann(house)
    assert await _try(house, WORD) == LoginRefusal("wrong")


async def test_nobody_learns_why_not(house: House) -> None:
    """A wrong password, a login that nobody has, a user without one: all the same."""
    await house.identities.users.create(ADMIN, "bob")

    assert await _try(house, "wrong password 1") == LoginRefusal("wrong")
    assert await _try(house, WORD, "nobody") == LoginRefusal("wrong")
    assert await _try(house, WORD, "bob") == LoginRefusal("wrong")
    assert await _try(house, WORD + "x" * 2000) == LoginRefusal("wrong")
    assert await _try(house, "") == LoginRefusal("wrong")
    assert await _try(house, "\ud800" * 20) == LoginRefusal("wrong")


async def test_there_is_no_default_password(house: House) -> None:
    """A new user has none, and none opens it."""
    await house.identities.users.create(ADMIN, "admin")

    for word in ("", "admin", "password", "changeme"):
        assert await _try(house, word, "admin") == LoginRefusal("wrong")


async def test_a_disabled_user_is_told_only_with_the_right_password(house: House) -> None:
    """Else the answer would tell which logins there are."""
    await house.identities.users.disable(ADMIN, (await _ann(house)).id)

    assert await _try(house, "wrong password 1") == LoginRefusal("wrong")
    assert await _try(house, WORD) == LoginRefusal("disabled")


async def test_guessing_an_account_takes_longer_each_time(house: House) -> None:
    """From many addresses too, and the right password has to wait as well."""
    waits: list[float] = []
    for number in range(9):
        outcome = await _try(house, "wrong password 1", address=f"10.0.1.{number}")
        assert isinstance(outcome, LoginRefusal)
        waits.append(outcome.wait_s)
        house.clock.move(outcome.wait_s)

    held = await _try(house, WORD)

    # Each refusal for the wait is followed by a try that makes the next one longer.
    assert waits == [0, 0, 0, 0, 0, 1.0, 0, 2.0, 0]
    assert held == LoginRefusal("locked", 4.0)
    house.clock.move(4)
    assert isinstance(await _try(house, WORD), User)
    assert await _try(house, "wrong password 1") == LoginRefusal("wrong")


async def test_guessing_many_accounts_from_one_address_is_held_up(house: House) -> None:
    """Other addresses are not; logins that exist or not count the same."""
    for number in range(20):
        await _try(house, WORD, f"nobody{number}")

    assert await _try(house, WORD) == LoginRefusal("locked", 1.0)
    assert isinstance(await _try(house, WORD, address="10.0.0.2"), User)


async def test_guesses_at_the_same_time_count_each(house: House) -> None:
    """A hundred at once are not a hundred free ones."""
    outcomes: list[User | LoginRefusal] = []

    async def guess(number: int) -> None:
        outcomes.append(await _try(house, f"wrong password {number}", address=f"10.0.2.{number}"))

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(guess, number)

    reasons = [outcome.reason for outcome in outcomes if isinstance(outcome, LoginRefusal)]
    assert reasons.count("wrong") == 5
    assert reasons.count("locked") == 25


async def test_too_many_at_once_are_sent_away(house: House) -> None:
    """Hashes cost memory: the line is short, and who is sent away has not failed."""
    outcomes: list[User | LoginRefusal] = []

    async def attempt(number: int) -> None:
        outcomes.append(await _try(house, WORD, f"u{number}", address=f"10.0.3.{number}"))

    async with anyio.create_task_group() as group:
        for number in range(200):
            group.start_soon(attempt, number)

    reasons = {outcome.reason for outcome in outcomes if isinstance(outcome, LoginRefusal)}
    assert reasons <= {"wrong", "busy"}
    assert len(outcomes) == 200


async def test_a_hash_of_old_parameters_is_made_anew_at_login(tmp_path: Path) -> None:
    """When nobody but the user can: with the password at hand."""
    dearer = Cost(rounds=2, memory_kib=16)
    async with open_house(tmp_path, cost=CHEAP) as old:
        ann = await old.identities.users.create(ADMIN, "ann")
        await old.identities.passwords.set(ADMIN, ann.id, WORD)
        before = (await old.identities.users.credentials.get(ann.id)).password
    async with open_house(tmp_path, cost=dearer) as new:
        assert isinstance(await _try(new, WORD), User)
        after = (await new.identities.users.credentials.get(ann.id)).password
        assert isinstance(await _try(new, WORD), User)
        kept = (await new.identities.users.credentials.get(ann.id)).password

    assert before is not None
    assert after is not None
    assert "m=8,t=1,p=1" in before
    assert "m=16,t=2,p=1" in after
    assert after.startswith("$argon2id$")
    assert kept == after


async def test_a_new_password_ends_what_began_with_the_old(house: House) -> None:
    """Also the lack of one."""
    before = await _ann(house)

    await house.identities.passwords.set(ADMIN, before.id, "another long password")
    between = await _ann(house)
    await house.identities.passwords.remove(ADMIN, before.id)

    assert before.epoch < between.epoch < (await _ann(house)).epoch
    assert await _try(house, "another long password") == LoginRefusal("wrong")


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("short words", "at least 12 characters"),
        ("x1" * 513, "at most 1024 bytes"),
        ("é" * 513, "at most 1024 bytes"),
        ("ann.ann-1234", "little more than the login"),
        ("aaaaaaaaaaaaaaab", "repeats a few characters"),
        ("", "at least 12 characters"),
    ],
)
def test_weak_passwords_are_refused(word: str, why: str) -> None:
    """Length first; the text never shows the word."""
    with pytest.raises(IntertieError, match=why) as caught:
        check_password(word, login="ann")

    assert not word or word not in str(caught.value)


async def test_logins_are_written_down_without_the_password(house: House) -> None:
    """Both outcomes, with the address they came from; tries that had to wait are not."""
    await _try(house, WORD)
    for _ in range(7):
        await _try(house, "wrong password 1")

    entries = await house.identities.audit.page(limit=6)
    outcomes = [entry.outcome for entry in entries]
    assert outcomes == ["refused"] * 5 + ["done"]
    assert entries[0].address == "10.0.0.1"


@pytest.mark.slow
async def test_a_login_that_nobody_has_takes_as_long(tmp_path: Path) -> None:
    """With the real parameters, by the least work done, which other programs hardly blur."""
    took: dict[str, list[float]] = {"ann": [], "nobody": []}
    async with open_house(tmp_path, cost=Cost()) as house:
        ann = await house.identities.users.create(ADMIN, "ann")
        await house.identities.passwords.set(ADMIN, ann.id, WORD)
        await _try(house, WORD, "warm")
        for _ in range(5):
            for login, times in took.items():
                house.clock.move(1000)
                began = time.process_time()
                await _try(house, "wrong password 1", login)
                times.append(time.process_time() - began)

    known, unknown = min(took["ann"]), min(took["nobody"])
    assert 0.75 < known / unknown < 1.33
