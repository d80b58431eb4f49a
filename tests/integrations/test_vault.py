"""Secrets at rest: sealed for one tenant, one name and one purpose, and rotated without a gap."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from intertie.errors import ConflictError, NotFoundError, StoreError
from intertie.identity.sealed import Sealer
from intertie.integrations.vault import GRANTS, KEYS, Vault, place
from intertie.store import Records, open_records
from tests.integrations.stage import Clock

pytestmark = pytest.mark.anyio
SECRET = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(32)).decode()
TEXT = "sk-live-4242424242"


@pytest.fixture
async def records(tmp_path: Path) -> AsyncIterator[Records]:
    """In a file of their own."""
    async with open_records(f"sqlite://{tmp_path / 'r.db'}") as opened:
        yield opened


def raw(folder: Path) -> bytes:
    """Everything that is on the disk."""
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())


async def test_a_secret_comes_back_and_is_nowhere_in_the_file(
    records: Records, tmp_path: Path
) -> None:
    """Neither in the database nor in its log, and in no `repr`."""
    sealer = Sealer.open(tmp_path / "master.json")
    vault = await Vault.open(records, sealer)

    await vault.put("acme", "stripe", TEXT)

    assert await vault.get("acme", "stripe") == TEXT
    assert b"acme" in raw(tmp_path)
    assert TEXT.encode() not in raw(tmp_path)
    assert base64.b64encode(TEXT.encode())[:-4] not in raw(tmp_path)
    assert TEXT not in repr(vault)


@pytest.mark.parametrize(
    ("tenant", "name", "purpose"),
    [("globex", "stripe", "p"), ("acme", "paypal", "p"), ("acme", "stripe", "q")],
)
async def test_a_value_opens_in_its_own_place_only(
    records: Records, tenant: str, name: str, purpose: str
) -> None:
    """Not for another tenant, name or purpose, although the tenants' keys are all there."""
    vault = await Vault.open(records, Sealer.from_secret(SECRET))
    await vault.put("globex", "x", "y")
    sealed = await vault.seal("acme", "stripe", b"x", purpose="p")

    with pytest.raises(StoreError, match="cannot unseal"):
        await vault.unseal(tenant, name, sealed, purpose=purpose)

    assert await vault.unseal("acme", "stripe", sealed, purpose="p") == b"x"


async def test_a_tenants_key_is_bound_to_its_tenant(records: Records) -> None:
    """Whoever writes to the database cannot give one tenant the key of another."""
    vault = await Vault.open(records, Sealer.from_secret(SECRET))
    await vault.put("acme", "a", TEXT)
    theirs = (await records.get(KEYS, "acme")).document
    await records.put(KEYS, "globex", {**theirs, "tenant": "globex"})

    with pytest.raises(StoreError, match="changed or belongs elsewhere"):
        await vault.seal("globex", "a", b"x", purpose="p")


@pytest.mark.parametrize("place_of_change", range(0, 50, 7))
async def test_a_changed_value_is_refused(records: Records, place_of_change: int) -> None:
    """One character, wherever."""
    vault = await Vault.open(records, Sealer.from_secret(SECRET))
    sealed = await vault.seal("acme", "a", b"something", purpose="p")
    other = "A" if sealed[place_of_change] != "A" else "B"
    changed = sealed[:place_of_change] + other + sealed[place_of_change + 1 :]

    with pytest.raises(StoreError, match="cannot unseal 'a' of acme"):
        await vault.unseal("acme", "a", changed, purpose="p")


async def test_without_a_key_nothing_is_kept(records: Records) -> None:
    """There is no mode in which secrets are stored in clear."""
    with pytest.raises(StoreError, match="there is no master key"):
        await Vault.open(records, None)


async def test_another_master_is_noticed_when_the_vault_is_opened(records: Records) -> None:
    """Before anything is sealed that would belong to neither."""
    await (await Vault.open(records, Sealer.from_secret(SECRET))).put("acme", "a", TEXT)

    with pytest.raises(StoreError, match="sealed under another master key"):
        await Vault.open(records, Sealer.from_secret(OTHER))


async def test_the_master_is_rotated_without_touching_values(
    records: Records, tmp_path: Path
) -> None:
    """Only the tenants' keys are sealed anew; then the old master can go."""
    sealer = Sealer.open(tmp_path / "master.json")
    vault = await Vault.open(records, sealer)
    for tenant in ("acme", "globex", "hooli"):
        await vault.put(tenant, "a", f"{TEXT}-{tenant}")
    before = await records.get("integration_secrets", place("acme", "a"))

    for _ in range(3):
        sealer.rotate()
        assert await vault.reseal_keys() == 3
        sealer.retire()

    again = await Vault.open(records, Sealer.open(tmp_path / "master.json"))
    assert await again.get("hooli", "a") == f"{TEXT}-hooli"
    assert await records.get("integration_secrets", place("acme", "a")) == before
    assert await vault.reseal_keys() == 0


async def test_a_tenants_key_is_rotated_with_an_overlap(records: Records) -> None:
    """Old values open until they are sealed anew; only then does the old key go."""
    clock = Clock()
    vault = await Vault.open(records, Sealer.from_secret(SECRET), clock=clock)
    await vault.put("acme", "a", "one")
    await vault.put("acme", "b", "two")
    old = await vault.seal("acme", "c", b"loose", purpose="p")

    await vault.rotate("acme")
    clock.time_s += 100

    assert await vault.get("acme", "a") == "one"
    with pytest.raises(ConflictError, match="2 secrets are still sealed under them; reseal first"):
        await vault.retire("acme")
    assert await vault.reseal("acme") == 2
    assert await vault.unseal("acme", "c", old, purpose="p") == b"loose"
    assert await vault.retire("acme") == 1
    assert await vault.get("acme", "b") == "two"
    with pytest.raises(NotFoundError, match="its key was deleted"):
        await vault.unseal("acme", "c", old, purpose="p")


async def test_a_key_that_was_the_newest_just_now_stays(records: Records) -> None:
    """Another process may be sealing with it; a minute later it goes."""
    clock = Clock()
    vault = await Vault.open(records, Sealer.from_secret(SECRET), clock=clock)
    await vault.put("acme", "a", "one")
    await vault.rotate("acme")
    await vault.reseal("acme")

    assert await vault.retire("acme") == 0
    clock.time_s += 61
    assert await vault.retire("acme") == 1


async def test_who_deletes_a_tenants_key_makes_its_secrets_unreadable(records: Records) -> None:
    """Also for who kept a copy of the value; other tenants notice nothing."""
    vault = await Vault.open(records, Sealer.from_secret(SECRET))
    await vault.put("acme", "a", TEXT)
    await vault.put("globex", "a", "theirs")
    copied = (await records.get("integration_secrets", place("acme", "a"))).document["sealed"]

    assert await vault.erase("acme")

    with pytest.raises(StoreError):
        await vault.get("acme", "a")
    with pytest.raises(NotFoundError, match="its key was deleted"):
        await vault.unseal("acme", "a", copied, purpose="secret")
    await vault.put("acme", "a", "new")
    with pytest.raises(NotFoundError, match="its key was deleted"):
        await vault.unseal("acme", "a", copied, purpose="secret")
    assert await vault.get("globex", "a") == "theirs"
    assert not await vault.erase("nobody")


async def test_two_processes_make_one_key_for_a_tenant(tmp_path: Path) -> None:
    """Whoever comes second uses the key of the first."""
    url = f"sqlite://{tmp_path / 'r.db'}"
    async with open_records(url) as one, open_records(url) as two:
        sealer = Sealer.from_secret(SECRET)
        first, second = await Vault.open(one, sealer), await Vault.open(two, sealer)

        await first.put("acme", "a", TEXT)
        await second.put("acme", "b", "other")

        assert await second.get("acme", "a") == TEXT
        assert len((await one.get(KEYS, "acme")).document["keys"]) == 1


async def test_an_empty_grant_needs_no_sealing(records: Records) -> None:
    """A record that holds no token yet holds up no rotation."""
    clock = Clock()
    vault = await Vault.open(records, Sealer.from_secret(SECRET), clock=clock)
    await vault.put("acme", "a", TEXT)
    blank = {"tenant": "acme", "name": "x", "purpose": "grant", "sealed": ""}
    await records.put(GRANTS, place("acme", "x"), blank)

    await vault.rotate("acme")
    clock.time_s += 61

    assert await vault.reseal("acme") == 1
    assert await vault.retire("acme") == 1
