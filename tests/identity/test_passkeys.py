"""Passkeys, with an authenticator that really signs."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intertie.errors import AccessDeniedError, ConflictError, IntertieError, NotFoundError
from intertie.identity.passkeys import Passkey
from intertie.identity.users import User
from tests.identity.authenticator import Authenticator, decode, encode
from tests.identity.house import ADMIN, House, open_house

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """An empty identity store."""
    async with open_house(tmp_path) as opened:
        yield opened


@pytest.fixture
async def ann(house: House) -> User:
    """A user without passkeys."""
    return await house.identities.users.create(ADMIN, "ann", name="Ann Smith")


async def _register(house: House, user: User, device: Authenticator) -> Passkey:
    passkeys = house.identities.passkeys
    answer = device.create(await passkeys.registration(user.id))
    return await passkeys.register(ADMIN, user.id, answer, name="phone")


async def _sign_in(house: House, device: Authenticator, user_id: str | None = None) -> User:
    passkeys = house.identities.passkeys
    return await passkeys.check(ADMIN, device.get(await passkeys.sign_in(user_id)), user_id=user_id)


async def test_a_device_is_registered_and_signs_in(house: House, ann: User) -> None:
    """As a second factor, and by itself: the device knows whose it is."""
    device = Authenticator()

    key = await _register(house, ann, device)

    assert (await _sign_in(house, device, ann.id)).id == ann.id
    assert (await _sign_in(house, device)).id == ann.id
    (kept,) = await house.identities.passkeys.of(ann.id)
    assert (kept.id, kept.name, kept.sign_count) == (key.id, "phone", 2)
    assert kept.used == house.clock()
    assert await house.identities.factors(ann.id) == ("passkey",)


async def test_browsers_are_told_what_is_wanted(house: House, ann: User) -> None:
    """This host, this user, verification by the device, and which keys are known already."""
    device = Authenticator()
    await _register(house, ann, device)

    create = json.loads(await house.identities.passkeys.registration(ann.id))
    get = json.loads(await house.identities.passkeys.sign_in(ann.id))
    get_any = json.loads(await house.identities.passkeys.sign_in())

    assert create["rp"] == {"name": "Example", "id": "app.example.com"}
    assert (create["user"]["name"], create["user"]["displayName"]) == ("ann", "Ann Smith")
    assert decode(create["user"]["id"]) == ann.id.encode()
    assert create["authenticatorSelection"]["userVerification"] == "required"
    assert -7 in [parameter["alg"] for parameter in create["pubKeyCredParams"]]
    assert [decode(known["id"]) for known in create["excludeCredentials"]] == [device.id]
    assert [decode(known["id"]) for known in get["allowCredentials"]] == [device.id]
    assert get["userVerification"] == "required"
    assert get_any["allowCredentials"] == []


@pytest.mark.parametrize(
    "faulty",
    [
        Authenticator(origin="https://app.example.com.evil.test"),
        Authenticator(origin="http://app.example.com"),
        Authenticator(origin="https://app.example.com:8443"),
        Authenticator(party="evil.test"),
        Authenticator(verified=False),
        Authenticator(present=False),
    ],
    ids=["origin", "scheme", "port", "host", "verified", "present"],
)
async def test_a_device_elsewhere_or_without_its_user_is_refused(
    house: House, ann: User, faulty: Authenticator
) -> None:
    """When it is registered and when it signs in."""
    with pytest.raises(AccessDeniedError, match="cannot add the passkey"):
        await _register(house, ann, faulty)
    device = Authenticator()
    await _register(house, ann, device)

    device.origin, device.party = faulty.origin, faulty.party
    device.verified, device.present = faulty.verified, faulty.present

    with pytest.raises(AccessDeniedError, match="cannot sign in"):
        await _sign_in(house, device, ann.id)


async def test_an_answer_counts_once(house: House, ann: User) -> None:
    """Sent again it is refused, also by another process at the same time."""
    passkeys = house.identities.passkeys
    device = Authenticator(counts=False)
    create = device.create(await passkeys.registration(ann.id))
    await passkeys.register(ADMIN, ann.id, create)
    answer = device.get(await passkeys.sign_in())
    won: list[str] = []

    async def check(where: House) -> None:
        with suppress(AccessDeniedError):
            won.append((await where.identities.passkeys.check(ADMIN, answer)).id)

    async with (
        open_house(house.folder, clock=house.clock) as other,
        anyio.create_task_group() as group,
    ):
        for where in (house, other, house, other):
            group.start_soon(check, where)

    assert won == [ann.id]
    with pytest.raises(AccessDeniedError, match="given before"):
        await passkeys.register(ADMIN, ann.id, create)


async def test_an_answer_ends(house: House, ann: User) -> None:
    """After five minutes."""
    device = Authenticator()
    await _register(house, ann, device)
    options = await house.identities.passkeys.sign_in()

    house.clock.move(300)

    with pytest.raises(AccessDeniedError, match="took too long"):
        await house.identities.passkeys.check(ADMIN, device.get(options))


async def test_a_challenge_is_for_one_user_and_one_thing(house: House, ann: User) -> None:
    """One made for another user, or to sign in, registers nothing."""
    passkeys = house.identities.passkeys
    bob = await house.identities.users.create(ADMIN, "bob")
    device = Authenticator()
    of_bob = device.create(await passkeys.registration(bob.id))
    options = json.loads(await passkeys.registration(ann.id))
    options["challenge"] = json.loads(await passkeys.sign_in())["challenge"]

    for answer in (of_bob, device.create(json.dumps(options))):
        with pytest.raises(AccessDeniedError, match="not from here"):
            await passkeys.register(ADMIN, ann.id, answer)


async def test_a_copied_device_is_noticed(house: House, ann: User) -> None:
    """Its count does not grow over the one seen last."""
    device = Authenticator()
    await _register(house, ann, device)
    await _sign_in(house, device)
    await _sign_in(house, device)

    device.count = 1

    with pytest.raises(AccessDeniedError, match="sign count"):
        await _sign_in(house, device)


async def test_a_device_that_does_not_count_works(house: House, ann: User) -> None:
    """Passkeys that are kept in a cloud always say 0."""
    device = Authenticator(counts=False)
    await _register(house, ann, device)

    for _ in range(2):
        assert (await _sign_in(house, device)).id == ann.id


async def test_another_key_does_not_sign(house: House, ann: User) -> None:
    """Who knows the id only has nothing."""
    device = Authenticator()
    await _register(house, ann, device)

    device.key = Authenticator().key

    with pytest.raises(AccessDeniedError, match="signature"):
        await _sign_in(house, device, ann.id)


async def test_a_device_of_another_is_no_second_factor(house: House, ann: User) -> None:
    """Nor does a device that names another user sign in as itself."""
    device = Authenticator()
    await _register(house, ann, device)
    bob = await house.identities.users.create(ADMIN, "bob")

    with pytest.raises(AccessDeniedError, match="not known"):
        await _sign_in(house, device, bob.id)
    device.handle = encode(bob.id.encode())
    with pytest.raises(AccessDeniedError, match="another user's"):
        await _sign_in(house, device)


async def test_a_device_is_registered_once(house: House, ann: User) -> None:
    """Not for another user either: it would sign in as both."""
    device = Authenticator()
    await _register(house, ann, device)
    bob = await house.identities.users.create(ADMIN, "bob")

    for user in (ann, bob):
        with pytest.raises(ConflictError):
            await _register(house, user, device)


async def test_a_disabled_user_stays_out(house: House, ann: User) -> None:
    """However good the signature."""
    device = Authenticator()
    await _register(house, ann, device)
    await house.identities.users.disable(ADMIN, ann.id)

    with pytest.raises(AccessDeniedError, match="the user is disabled"):
        await _sign_in(house, device)


async def test_a_removed_passkey_is_unknown(house: House, ann: User) -> None:
    """Only its own user's, by its id; all of them with the user."""
    passkeys = house.identities.passkeys
    devices = [Authenticator(), Authenticator()]
    keys = [await _register(house, ann, device) for device in devices]
    bob = await house.identities.users.create(ADMIN, "bob")

    with pytest.raises(NotFoundError, match="cannot find passkey"):
        await passkeys.remove(ADMIN, bob.id, keys[0].id)
    await passkeys.remove(ADMIN, ann.id, keys[0].id)
    await house.identities.delete_user(ADMIN, ann.id)

    assert list(await passkeys.of(ann.id)) == []
    for device in devices:
        with pytest.raises(AccessDeniedError, match="not known"):
            await _sign_in(house, device)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    part=st.sampled_from(
        ["id", "rawId", "type", "response", "clientDataJSON", "attestationObject", "whole"]
    ),
    junk=st.none() | st.integers() | st.text(max_size=40) | st.lists(st.integers(), max_size=2),
)
async def test_no_answer_breaks_it(house: House, part: str, junk: object) -> None:
    """Whatever a stranger puts in the place of any part, it is a refusal."""
    passkeys = house.identities.passkeys
    found = await house.identities.users.by_login("eve")
    eve = found or await house.identities.users.create(ADMIN, "eve")
    create = json.loads(Authenticator().create(await passkeys.registration(eve.id)))
    target = create["response"] if part in create["response"] else create
    target[part] = junk
    text = json.dumps(junk if part == "whole" else create)

    with pytest.raises(AccessDeniedError):
        await passkeys.register(ADMIN, eve.id, text)
    with pytest.raises(AccessDeniedError):
        await passkeys.check(ADMIN, text)


async def test_a_long_answer_is_not_read(house: House, ann: User) -> None:
    """Nor one that nests deeper than anything real."""
    for text in ("x" * 70_000, "[" * 60_000):
        with pytest.raises(AccessDeniedError):
            await house.identities.passkeys.register(ADMIN, ann.id, text)


async def test_a_user_has_a_bounded_number(house: House, ann: User) -> None:
    """Twenty; the next one waits until one is removed."""
    for _ in range(20):
        await _register(house, ann, Authenticator())

    with pytest.raises(ConflictError, match="remove one first"):
        await house.identities.passkeys.registration(ann.id)


async def test_without_the_package_it_says_what_to_install(
    house: House, ann: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything else works without it."""
    monkeypatch.setitem(sys.modules, "webauthn", None)

    with pytest.raises(IntertieError, match=r"cannot use passkeys: install intertie\[passkeys\]"):
        await house.identities.passkeys.registration(ann.id)
