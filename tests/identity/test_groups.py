"""Groups of users."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from intertie.errors import ConflictError, IntertieError, NotFoundError
from tests.identity.house import ADMIN, House, open_house

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """An empty identity store."""
    async with open_house(tmp_path) as opened:
        yield opened


async def test_users_come_and_go(house: House) -> None:
    """Twice in is once in."""
    groups, users = house.identities.groups, house.identities.users
    await groups.create(ADMIN, "night", description="Night shift")
    ann = await users.create(ADMIN, "ann")

    await groups.add(ADMIN, "night", ann.id)
    twice = await groups.add(ADMIN, "night", ann.id)
    members = await groups.members("night")
    out = await groups.remove(ADMIN, "night", ann.id)

    assert twice.groups == ("night",)
    assert [user.id for user in members] == [ann.id]
    assert out.groups == ()


async def test_each_tenant_has_its_own(house: House) -> None:
    """A group of one is none of another."""
    groups, users = house.identities.groups, house.identities.users
    await groups.create(ADMIN, "night", tenant="acme")
    ann = await users.create(ADMIN, "ann")

    with pytest.raises(NotFoundError, match="cannot find group 'night'"):
        await groups.add(ADMIN, "night", ann.id)

    assert list(await groups.list()) == []
    assert [group.name for group in await groups.list(tenant="acme")] == ["night"]


async def test_a_deleted_group_has_no_members(house: House) -> None:
    """One made later with its name begins empty."""
    groups, users = house.identities.groups, house.identities.users
    await groups.create(ADMIN, "night")
    ann = await users.create(ADMIN, "ann", groups=["night", "users"])

    await groups.delete(ADMIN, "night")
    await groups.create(ADMIN, "night")

    assert (await users.get(ann.id)).groups == ("users",)
    with pytest.raises(ConflictError):
        await groups.create(ADMIN, "night")


async def test_faults_are_told(house: House) -> None:
    """An unknown group or tenant, a name with a comma's kin."""
    groups = house.identities.groups

    with pytest.raises(NotFoundError, match="cannot find group 'nosuch'"):
        await groups.delete(ADMIN, "nosuch")
    with pytest.raises(NotFoundError, match="cannot find tenant"):
        await groups.create(ADMIN, "a", tenant="nosuch")
    with pytest.raises(IntertieError, match="cannot use group"):
        await groups.create(ADMIN, "night shift")
