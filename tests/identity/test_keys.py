"""API keys: made, shown once, rotated, revoked."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from intertie.errors import ConflictError, IntertieError, NotFoundError
from intertie.identity.audit import Audit
from intertie.identity.keys import Keys, NewKey
from intertie.identity.principal import Principal
from intertie.identity.sealed import Sealer
from intertie.identity.store import Desk
from tests.identity.house import ADMIN, TENANTS, House, open_house

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """An empty identity store."""
    async with open_house(tmp_path) as opened:
        yield opened


async def _opens(house: House, text: str) -> bool:
    table = await house.identities.key_table()
    found = table.check(text, address="10.0.0.1", now=house.clock.seconds)
    return isinstance(found, Principal)


async def test_a_key_is_shown_once(house: House) -> None:
    """What is kept tells who it is for, not what opens it."""
    keys = house.identities.keys

    made = await keys.create(ADMIN, "ci", tenant="acme", roles=["user"], scopes=["read", "a:b"])

    kept = await keys.get(made.key.id)
    assert kept == made.key
    assert (kept.name, kept.tenant, kept.roles, kept.scopes) == (
        "ci",
        "acme",
        ("user",),
        ("a:b", "read"),
    )
    assert kept.secrets[0].last4 == made.text[-4:]
    assert made.text not in repr(made)
    assert made.text.split("_")[2] not in repr(kept) + repr(kept.secrets)
    assert await _opens(house, made.text)


async def test_rotation_overlaps(house: House) -> None:
    """Both secrets open until the end of the overlap; then only the new one."""
    keys = house.identities.keys
    old = await keys.create(ADMIN, "ci")

    new = await keys.rotate(ADMIN, old.key.id, overlap_s=3600)

    assert new.key.id == old.key.id
    assert await _opens(house, old.text)
    assert await _opens(house, new.text)
    house.clock.move(3600)
    assert not await _opens(house, old.text)
    assert await _opens(house, new.text)


async def test_at_most_two_secrets_are_active(house: House) -> None:
    """A third waits for the end of the first, or for an overlap of nothing."""
    keys = house.identities.keys
    made = await keys.create(ADMIN, "ci")
    await keys.rotate(ADMIN, made.key.id, overlap_s=3600)

    with pytest.raises(ConflictError, match="two secrets are active until 2026-01-01 13:00 UTC"):
        await keys.rotate(ADMIN, made.key.id)
    house.clock.move(3601)
    last = await keys.rotate(ADMIN, made.key.id, overlap_s=0)

    assert len((await keys.get(made.key.id)).secrets) == 2
    assert not await _opens(house, made.text)
    assert await _opens(house, last.text)


async def test_a_revoked_key_is_over(house: House) -> None:
    """All its secrets at once; it is still listed, and cannot come back."""
    keys = house.identities.keys
    made = await keys.create(ADMIN, "ci", mode="sealed")
    new = await keys.rotate(ADMIN, made.key.id)

    revoked = await keys.revoke(ADMIN, made.key.id)

    assert revoked.revoked == house.clock()
    assert not await _opens(house, made.text)
    assert not await _opens(house, new.text)
    assert (await keys.list())[1] == 1
    assert [secret.sealed for secret in revoked.secrets] == [None, None]
    with pytest.raises(ConflictError, match="it is revoked"):
        await keys.rotate(ADMIN, made.key.id)


async def test_a_deleted_key_is_gone(house: House) -> None:
    """From the list too."""
    keys = house.identities.keys
    made = await keys.create(ADMIN, "ci")

    await keys.delete(ADMIN, made.key.id)

    assert not await _opens(house, made.text)
    with pytest.raises(NotFoundError, match="cannot find API key"):
        await keys.get(made.key.id)


async def test_no_two_keys_have_one_secret(tmp_path: Path, house: House) -> None:
    """Even if the machine's randomness fails: the second is refused by its fingerprint."""
    ids = iter([b"1" * 11, b"2" * 11])

    def random(count: int) -> bytes:
        return next(ids) if count == 11 else bytes(count)

    async with Audit.open(tmp_path / "other.db") as audit:
        sealer = Sealer.open(tmp_path / "master.json")
        keys = Keys(Desk(house.records, sealer, audit, TENANTS, house.clock, random=random))
        await keys.create(ADMIN, "one")

        with pytest.raises(ConflictError):
            await keys.create(ADMIN, "two")
        with pytest.raises(ConflictError):
            await keys.rotate(ADMIN, (await keys.list())[0][0].id)

        assert (await keys.list())[1] == 1


async def test_only_sealed_keys_can_be_read_again(house: House) -> None:
    """For a gateway that holds them itself; those that have ended are left out."""
    keys = house.identities.keys
    await keys.create(ADMIN, "hashed")
    made = await keys.create(ADMIN, "sealed", mode="sealed")
    new = await keys.rotate(ADMIN, made.key.id, overlap_s=60)
    gone = await keys.create(ADMIN, "gone", mode="sealed")
    await keys.revoke(ADMIN, gone.key.id)

    both = await keys.plain_keys()
    house.clock.move(60)
    one = await keys.plain_keys()

    assert [plain.text for plain in both] == [made.text, new.text]
    assert [plain.text for plain in one] == [new.text]
    assert new.text not in repr(one)


async def test_lists_are_of_a_tenant_or_an_owner(house: House) -> None:
    """Oldest first, with how many there are in all."""
    keys = house.identities.keys
    ann = await house.identities.users.create(ADMIN, "ann")
    made: list[NewKey] = [
        await keys.create(ADMIN, "a"),
        await keys.create(ADMIN, "b", owner=ann.id),
        await keys.create(ADMIN, "c", tenant="acme"),
    ]

    assert [key.name for key in (await keys.list(limit=2))[0]] == ["a", "b"]
    assert (await keys.list(limit=2))[1] == 3
    assert list((await keys.list(tenant="acme"))[0]) == [made[2].key]
    assert list(await keys.of_owner(ann.id)) == [made[1].key]


async def test_the_last_use_is_kept_to_the_hour(house: House) -> None:
    """Without a new revision: nobody has to read all keys again for it."""
    keys = house.identities.keys
    made = await keys.create(ADMIN, "ci")
    before = await house.identities.revision()

    await keys.record_uses({made.key.id: house.clock()})

    assert await keys.last_used(made.key.id) == house.clock()
    assert await keys.last_used("other") is None
    assert await house.identities.revision() == before


async def test_faulty_keys_are_refused(house: House) -> None:
    """Nothing is stored of them."""
    keys = house.identities.keys
    ann = await house.identities.users.create(ADMIN, "ann")
    past = house.clock() - timedelta(seconds=1)

    with pytest.raises(IntertieError, match="give it a name"):
        await keys.create(ADMIN, " \n")
    with pytest.raises(IntertieError, match="would have expired"):
        await keys.create(ADMIN, "a", expires=past)
    with pytest.raises(IntertieError, match="cannot use address range"):
        await keys.create(ADMIN, "a", cidrs=["10.0.0.1/8"])
    with pytest.raises(IntertieError, match="cannot use scopes"):
        await keys.create(ADMIN, "a", scopes=["a b"])
    with pytest.raises(IntertieError, match="cannot use role"):
        await keys.create(ADMIN, "a", roles=["a,b"])
    with pytest.raises(NotFoundError, match="cannot find tenant"):
        await keys.create(ADMIN, "a", tenant="nosuch")
    with pytest.raises(NotFoundError, match="cannot find user"):
        await keys.create(ADMIN, "a", tenant="acme", owner=ann.id)

    assert (await keys.list())[1] == 0
