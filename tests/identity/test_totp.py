"""Authenticator apps and recovery codes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest
from pyotp.totp import TOTP

from intertie.errors import AccessDeniedError, ConflictError
from tests.identity.house import ADMIN, House, open_house

pytestmark = pytest.mark.anyio

ANN = "default/ann"


@dataclass(frozen=True)
class _Ann:
    """A user with an app and recovery codes."""

    house: House
    id: str
    app: TOTP
    recovery: Sequence[str]

    def code(self, steps: int = 0) -> str:
        return self.app.at(self.house.clock.at, counter_offset=steps)

    async def check(self, code: str) -> str:
        return await self.house.identities.totps.check(ADMIN, self.id, code)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """An empty identity store."""
    async with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
async def ann(house: House) -> _Ann:
    """She has confirmed her app a minute ago."""
    user = await house.identities.users.create(ADMIN, "ann")
    enrolment = await house.identities.totps.enrol(ADMIN, user.id)
    app = TOTP(enrolment.secret)
    code = app.at(house.clock.at)
    recovery = await house.identities.totps.confirm(ADMIN, user.id, code)
    house.clock.move(60)
    return _Ann(house, user.id, app, recovery)


async def test_the_address_for_apps_holds_what_they_need(house: House) -> None:
    """Issuer, account and secret, as in the key URI format."""
    user = await house.identities.users.create(ADMIN, "ann")

    enrolment = await house.identities.totps.enrol(ADMIN, user.id)

    parts = urlsplit(enrolment.uri)
    assert (parts.scheme, parts.netloc, parts.path) == ("otpauth", "totp", "/Example:ann")
    assert parse_qs(parts.query) == {"secret": [enrolment.secret], "issuer": ["Example"]}
    assert enrolment.secret not in repr(enrolment)


async def test_an_app_counts_from_its_first_right_code(house: House) -> None:
    """Before, nobody is asked for codes; a wrong one confirms nothing."""
    totps = house.identities.totps
    user = await house.identities.users.create(ADMIN, "ann")
    enrolment = await totps.enrol(ADMIN, user.id)

    with pytest.raises(AccessDeniedError):
        await totps.confirm(ADMIN, user.id, "000000")
    assert not await totps.is_on(user.id)
    await totps.confirm(ADMIN, user.id, TOTP(enrolment.secret).at(house.clock.at))

    assert await totps.is_on(user.id)
    assert await house.identities.factors(user.id) == ("totp",)


async def test_enrolment_ends(house: House) -> None:
    """What was shown on a screen is not open for ever."""
    totps = house.identities.totps
    user = await house.identities.users.create(ADMIN, "ann")
    enrolment = await totps.enrol(ADMIN, user.id)

    house.clock.move(900)

    with pytest.raises(ConflictError, match="begin again"):
        await totps.confirm(ADMIN, user.id, TOTP(enrolment.secret).at(house.clock.at))
    with pytest.raises(ConflictError, match="begin again"):
        await totps.confirm(ADMIN, user.id, "000000")


@pytest.mark.parametrize("steps", [-1, 0, 1])
async def test_clocks_may_differ_by_a_step(ann: _Ann, steps: int) -> None:
    """The app's may be half a minute early or late."""
    assert await ann.check(ann.code(steps)) == "totp"


@pytest.mark.parametrize("steps", [-2, 2])
async def test_and_by_no_more(ann: _Ann, steps: int) -> None:
    """Two steps off is refused."""
    with pytest.raises(AccessDeniedError, match="wrong or was used before"):
        await ann.check(ann.code(steps))


async def test_a_code_is_never_accepted_twice(ann: _Ann) -> None:
    """Nor one older than it; nor the one that confirmed the app."""
    await ann.check(ann.code(0))

    for steps in (0, -1, -2):
        with pytest.raises(AccessDeniedError):
            await ann.check(ann.code(steps))
    assert await ann.check(ann.code(1)) == "totp"


async def test_the_confirming_code_is_used_up(house: House) -> None:
    """Who looked over the shoulder has nothing."""
    totps = house.identities.totps
    user = await house.identities.users.create(ADMIN, "ann")
    code = TOTP((await totps.enrol(ADMIN, user.id)).secret).at(house.clock.at)
    await totps.confirm(ADMIN, user.id, code)

    with pytest.raises(AccessDeniedError):
        await totps.check(ADMIN, user.id, code)


async def test_of_many_with_one_code_one_comes_in(ann: _Ann, tmp_path: Path) -> None:
    """At the same time, in two processes; the same goes for a recovery code."""
    won: list[str] = []

    async def check(where: House, code: str) -> None:
        with suppress(AccessDeniedError):
            won.append(await where.identities.totps.check(ADMIN, ann.id, code))

    for code in (ann.code(), ann.recovery[0]):
        async with (
            open_house(tmp_path, clock=ann.house.clock) as other,
            anyio.create_task_group() as group,
        ):
            group.start_soon(check, ann.house, code)
            group.start_soon(check, other, code)
            group.start_soon(check, other, code)
            group.start_soon(check, ann.house, code)

    assert won == ["totp", "recovery"]


async def test_recovery_codes_work_once_each(ann: _Ann) -> None:
    """Ten, however they are typed."""
    assert len(set(ann.recovery)) == 10
    assert await ann.check(ann.recovery[0]) == "recovery"
    assert await ann.check(ann.recovery[1].upper().replace("-", " ")) == "recovery"
    with pytest.raises(AccessDeniedError):
        await ann.check(ann.recovery[0])


async def test_guessing_codes_is_held_up(ann: _Ann) -> None:
    """After five wrong ones the right one has to wait as well."""
    for _ in range(5):
        with pytest.raises(AccessDeniedError, match="wrong"):
            await ann.check("000000")

    with pytest.raises(AccessDeniedError, match="wait 1 s"):
        await ann.check(ann.code())
    ann.house.clock.move(1)
    assert await ann.check(ann.code()) == "totp"


@pytest.mark.parametrize(
    "code", ["", "00000", "0000000", "é" * 6, "١٢٣٤٥٦", "\ud800" * 6, "-" * 99]
)
async def test_what_is_no_code_is_refused(ann: _Ann, code: str) -> None:
    """Whatever is typed."""
    with pytest.raises(AccessDeniedError, match="wrong or was used before"):
        await ann.check(code)


async def test_a_removed_app_opens_nothing(ann: _Ann) -> None:
    """Nor do its recovery codes; a new app begins anew."""
    totps = ann.house.identities.totps

    await totps.remove(ADMIN, ann.id)

    assert not await totps.is_on(ann.id)
    for code in (ann.code(), ann.recovery[0]):
        with pytest.raises(AccessDeniedError, match="no authenticator app is set up"):
            await ann.check(code)
    await totps.enrol(ADMIN, ann.id)


async def test_an_app_outlives_the_master_key(ann: _Ann) -> None:
    """Rotated three times, its secret is sealed under the newest, its recovery codes prove."""
    for _ in range(3):
        assert await ann.house.identities.rotate_master(ADMIN) == 1

    assert await ann.check(ann.code()) == "totp"
    assert await ann.check(ann.recovery[0]) == "recovery"


async def test_a_user_without_an_app_has_no_code(house: House) -> None:
    """Not even none."""
    user = await house.identities.users.create(ADMIN, "bob")

    with pytest.raises(AccessDeniedError):
        await house.identities.totps.check(ADMIN, user.id, "")
