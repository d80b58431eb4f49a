"""Users: made, found, changed, shut out."""

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest

from intertie.errors import ConflictError, IntertieError, NotFoundError
from intertie.identity.users import User
from tests.identity.house import ADMIN, House, open_house

pytestmark = pytest.mark.anyio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """An empty identity store."""
    async with open_house(tmp_path) as opened:
        yield opened


async def test_a_user_is_found_by_id_login_and_address(house: House) -> None:
    """Login and address in whatever case."""
    users = house.identities.users

    ann = await users.create(ADMIN, "Ann", email="Ann@Example.com", name="Ann\nSmith")

    assert await users.get(ann.id) == ann
    assert await users.by_login("aNN") == ann
    assert list(await users.by_email("ANN@example.com")) == [ann]
    assert (ann.login, ann.name, ann.email_verified) == ("Ann", "Ann Smith", False)
    assert await users.by_login("nobody") is None


async def test_a_login_is_unique_in_its_tenant(house: House) -> None:
    """Whatever its case; another tenant has its own."""
    users = house.identities.users
    await users.create(ADMIN, "ann")

    with pytest.raises(ConflictError):
        await users.create(ADMIN, "ANN")
    other = await users.create(ADMIN, "ann", tenant="acme")

    assert await users.by_login("ann", tenant="acme") == other
    assert (await users.list())[1] == 2
    assert list((await users.list(tenant="acme"))[0]) == [other]


async def test_two_processes_make_one_user_of_a_login(house: House, tmp_path: Path) -> None:
    """The files decide, not the process."""
    made: list[User] = []

    async def make(where: House) -> None:
        with suppress(ConflictError):
            made.append(await where.identities.users.create(ADMIN, "ann"))

    async with open_house(tmp_path, clock=house.clock) as other, anyio.create_task_group() as group:
        for where in (house, other, house, other):
            group.start_soon(make, where)

    assert len(made) == 1
    assert (await house.identities.users.list())[1] == 1


async def test_roles_come_from_groups_and_from_the_user(house: House) -> None:
    """As `group_mapping` of the suite has it."""
    users = house.identities.users
    ann = await users.create(ADMIN, "ann", tenant="acme", groups=["users"], roles=["billing"])

    principal = users.principal(ann)

    assert (principal.kind, principal.id, principal.tenant) == ("user", ann.id, "acme")
    assert principal.roles == ("billing", "readonly", "user")
    assert (principal.name, principal.groups) == ("ann", ("users",))


async def test_only_what_is_given_changes(house: House) -> None:
    """The rest stays as it was."""
    users = house.identities.users
    ann = await users.create(ADMIN, "ann", groups=["users"], name="Ann", phone="+491701234567")

    changed = await users.update(ADMIN, ann.id, groups=["admins"])

    assert (changed.groups, changed.name) == (("admins",), "Ann")
    assert changed.phone == "+491701234567"
    assert await users.get(ann.id) == changed


async def test_a_new_address_is_not_verified(house: House) -> None:
    """Unless that is said with it; no address never is."""
    users = house.identities.users
    ann = await users.create(ADMIN, "ann", email="ann@example.com", email_verified=True)

    same = await users.update(ADMIN, ann.id, email="ANN@example.com")
    other = await users.update(ADMIN, ann.id, email="ann@other.example")
    vouched = await users.update(ADMIN, ann.id, email_verified=True)
    gone = await users.update(ADMIN, ann.id, email="")
    none = await users.update(ADMIN, ann.id, email_verified=True)

    verified = [user.email_verified for user in (ann, same, other, vouched, gone, none)]
    assert verified == [True, True, False, True, False, False]


async def test_shutting_out_ends_what_began_before(house: House) -> None:
    """The epoch grows, so that sessions and tokens from before are refused."""
    users = house.identities.users
    ann = await users.create(ADMIN, "ann")

    out = await users.disable(ADMIN, ann.id)
    back = await users.enable(ADMIN, ann.id)
    again = await users.end_sessions(ADMIN, ann.id)

    assert (out.enabled, back.enabled) == (False, True)
    assert ann.epoch < out.epoch < back.epoch < again.epoch


async def test_a_deleted_login_is_free(house: House) -> None:
    """It is another user then."""
    users = house.identities.users
    ann = await users.create(ADMIN, "ann")

    await users.delete(ADMIN, ann.id)

    assert await users.by_login("ann") is None
    with pytest.raises(NotFoundError, match="cannot find user"):
        await users.get(ann.id)
    assert (await users.create(ADMIN, "ann")).id != ann.id


async def test_faulty_fields_are_refused_and_told(house: House) -> None:
    """And nothing is left of the try, not even the login."""
    users = house.identities.users

    with pytest.raises(IntertieError, match="cannot use e-mail address"):
        await users.create(ADMIN, "ann", email="ann@a@b.example")
    with pytest.raises(IntertieError, match="cannot use phone number"):
        await users.create(ADMIN, "ann", phone="0170 1234567")
    with pytest.raises(IntertieError, match="cannot use role"):
        await users.create(ADMIN, "ann", roles=["a,admin"])
    with pytest.raises(NotFoundError, match="cannot find group 'nosuch': create it"):
        await users.create(ADMIN, "ann", groups=["nosuch"])
    with pytest.raises(NotFoundError, match="cannot find tenant 'nosuch'"):
        await users.create(ADMIN, "ann", tenant="nosuch")
    with pytest.raises(IntertieError, match="cannot use login"):
        await users.create(ADMIN, "ann smith")
    await users.create(ADMIN, "ann")

    assert await house.actions() == [("user.create", "refused")] * 6 + [("user.create", "done")]


async def test_each_change_is_written_down_with_who_did_it(house: House) -> None:
    """Name, way and address of the actor, and what was changed."""
    users = house.identities.users
    ann = await users.create(ADMIN, "ann")

    await users.update(ADMIN, ann.id, groups=["users", "admins"])

    entry = (await house.identities.audit.page(limit=1))[0]
    assert (entry.actor, entry.via, entry.address) == ("root", "cli", "127.0.0.1")
    assert (entry.action, entry.target) == ("user.update", "default/ann")
    assert entry.detail == '{"groups":"users, admins"}'
