"""Codes sent to a telephone or an e-mail address."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from intertie.errors import AccessDeniedError, IntertieError
from intertie.identity.users import User
from tests.identity.house import ADMIN, House, open_house

pytestmark = pytest.mark.anyio


@dataclass
class _Box:
    """A channel that keeps what it is given; `broken`, it cannot be reached."""

    messages: list[tuple[str, str]] = field(default_factory=list)
    broken: bool = False

    async def send(self, address: str, text: str) -> None:
        if self.broken:
            raise ConnectionRefusedError("port 25 of 10.0.0.9")
        self.messages.append((address, text))

    @property
    def code(self) -> str:
        found = re.search(r"\b\d{6}\b", self.messages[-1][1])
        assert found is not None
        return found[0]


@pytest.fixture
def box() -> _Box:
    """Where all codes arrive."""
    return _Box()


@pytest.fixture
async def house(tmp_path: Path, box: _Box) -> AsyncIterator[House]:
    """A store with both channels."""
    async with open_house(tmp_path, channels={"sms": box, "email": box}) as opened:
        yield opened


@pytest.fixture
async def ann(house: House) -> User:
    """She has a telephone and a verified address."""
    return await house.identities.users.create(
        ADMIN, "ann", email="ann@example.com", email_verified=True, phone="+491701234567"
    )


def _wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


@pytest.mark.parametrize(("method", "to"), [("sms", "+491701234567"), ("email", "ann@example.com")])
async def test_a_code_arrives_and_opens_once(
    house: House, ann: User, box: _Box, method: str, to: str
) -> None:
    """Six digits, at the address of the user."""
    codes = house.identities.codes
    chosen = next(known for known in codes.methods(ann) if known == method)

    await codes.send(ADMIN, ann.id, chosen)
    await codes.check(ADMIN, ann.id, chosen, box.code)

    assert [address for address, _ in box.messages] == [to]
    with pytest.raises(AccessDeniedError, match="wrong, too old, or was used"):
        await codes.check(ADMIN, ann.id, chosen, box.code)


async def test_a_code_ends(house: House, ann: User, box: _Box) -> None:
    """After the time of `code_lifetime`."""
    codes = house.identities.codes
    await codes.send(ADMIN, ann.id, "sms")

    house.clock.move(300)

    with pytest.raises(AccessDeniedError):
        await codes.check(ADMIN, ann.id, "sms", box.code)


async def test_only_the_newest_code_counts(house: House, ann: User, box: _Box) -> None:
    """Of one method; those of another are its own."""
    codes = house.identities.codes
    await codes.send(ADMIN, ann.id, "sms")
    old = box.code
    await codes.send(ADMIN, ann.id, "sms")
    new = box.code

    if old != new:
        with pytest.raises(AccessDeniedError):
            await codes.check(ADMIN, ann.id, "sms", old)
    with pytest.raises(AccessDeniedError):
        await codes.check(ADMIN, ann.id, "email", new)
    await codes.check(ADMIN, ann.id, "sms", new)


async def test_after_five_tries_a_code_is_over(house: House, ann: User, box: _Box) -> None:
    """Also if all of them come at once, from two processes."""
    codes = house.identities.codes
    await codes.send(ADMIN, ann.id, "sms")
    code = box.code
    outcomes: list[bool] = []

    async def guess(where: House, shown: str) -> None:
        try:
            await where.identities.codes.check(ADMIN, ann.id, "sms", shown)
            outcomes.append(True)
        except AccessDeniedError:
            outcomes.append(False)

    async with open_house(house.folder, clock=house.clock) as other:
        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(guess, (house, other)[number % 2], _wrong(code))
        await guess(house, code)

    assert outcomes == [False] * 9


async def test_new_codes_do_not_give_new_guesses_for_ever(
    house: House, ann: User, box: _Box
) -> None:
    """Twenty tries an hour, whatever is sent meanwhile."""
    codes = house.identities.codes
    for _ in range(4):
        await codes.send(ADMIN, ann.id, "sms")
        for _ in range(5):
            with pytest.raises(AccessDeniedError):
                await codes.check(ADMIN, ann.id, "sms", _wrong(box.code))
    await codes.send(ADMIN, ann.id, "sms")

    with pytest.raises(AccessDeniedError):
        await codes.check(ADMIN, ann.id, "sms", box.code)
    house.clock.move(3600)
    await codes.send(ADMIN, ann.id, "sms")
    await codes.check(ADMIN, ann.id, "sms", box.code)


async def test_only_some_are_sent_an_hour(house: House, ann: User, box: _Box) -> None:
    """Messages cost money, and annoy."""
    codes = house.identities.codes
    for _ in range(5):
        await codes.send(ADMIN, ann.id, "sms")

    with pytest.raises(AccessDeniedError, match="wait 60 min"):
        await codes.send(ADMIN, ann.id, "sms")
    house.clock.move(3600)
    await codes.send(ADMIN, ann.id, "sms")

    assert len(box.messages) == 6


async def test_who_cannot_be_reached_is_told(house: House, ann: User, box: _Box) -> None:
    """No channel, no address, one that is not verified, or a channel that is down."""
    codes, users = house.identities.codes, house.identities.users
    bob = await users.create(ADMIN, "bob", email="bob@example.com")

    assert codes.methods(ann) == ("sms", "email")
    assert codes.methods(bob) == ()
    with pytest.raises(IntertieError, match="no verified address"):
        await codes.send(ADMIN, bob.id, "email")
    async with open_house(house.folder, clock=house.clock) as other:
        with pytest.raises(IntertieError, match="by sms: it is not set up"):
            await other.identities.codes.send(ADMIN, ann.id, "sms")
    box.broken = True
    with pytest.raises(IntertieError, match="cannot send the code: ConnectionRefusedError"):
        await codes.send(ADMIN, ann.id, "sms")


@pytest.mark.parametrize("code", ["", "12345", "é" * 6, "\ud800", "1" * 100_000])
async def test_what_is_no_code_is_refused(house: House, ann: User, box: _Box, code: str) -> None:
    """Whatever is typed, also before any was sent."""
    codes = house.identities.codes
    with pytest.raises(AccessDeniedError):
        await codes.check(ADMIN, ann.id, "sms", code)

    await codes.send(ADMIN, ann.id, "sms")

    with pytest.raises(AccessDeniedError):
        await codes.check(ADMIN, ann.id, "sms", code)
    assert box.messages
