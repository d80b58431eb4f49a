"""Groups and roles: who is in which, and what it opens."""

import pytest

from intertie.control.groups import RouteRef
from intertie.errors import AccessDeniedError, ConflictError, IntertieError, NotFoundError
from tests.control.premises import OF_ACME, READER, ROOT, STRANGER, Premises

pytestmark = pytest.mark.anyio


async def test_groups_of_the_suite_file_come_first_for_every_tenant(premises: Premises) -> None:
    """Those that were made belong to one; a caller of another does not see them."""
    groups = premises.control.groups
    await groups.create(ROOT, "night-shift", description="after eight")
    await groups.create(ROOT, "night-shift", tenant="acme")

    every = [(each.name, each.tenant, each.roles) for each in await groups.list(READER)]
    own = [(each.name, each.tenant) for each in await groups.list(OF_ACME)]

    assert every == [
        ("admins", None, ("admin", "superuser")),
        ("users", None, ("user", "readonly")),
        ("night-shift", "acme", ()),
        ("night-shift", "default", ()),
    ]
    assert own == [("admins", None), ("users", None), ("night-shift", "acme")]
    assert (await groups.show(READER, "night-shift", "default")).description == "after eight"


async def test_a_group_that_is_deleted_has_no_members(premises: Premises) -> None:
    """And is not found again; one of the suite file stays."""
    groups, people = premises.control.groups, premises.control.people
    await groups.create(ROOT, "night/shift")
    ann = await premises.add("ann", groups=("night/shift",))

    await groups.delete(ROOT, "night/shift")

    assert (await people.show(ROOT, ann)).user.groups == ()
    with pytest.raises(NotFoundError):
        await groups.show(ROOT, "night/shift")
    with pytest.raises(NotFoundError):
        await groups.delete(ROOT, "night/shift")
    with pytest.raises(ConflictError, match="group_mapping"):
        await groups.delete(ROOT, "admins")


async def test_a_group_has_a_name_of_its_own(premises: Premises) -> None:
    """Taken ones and odd ones are refused; a caller makes groups of its own tenant only."""
    groups = premises.control.groups
    await groups.create(ROOT, "g")

    for name in ("g", "admins"):
        with pytest.raises(ConflictError, match="one of that name"):
            await groups.create(ROOT, name)
    with pytest.raises(IntertieError, match="ASCII"):
        await groups.create(ROOT, "night shift")
    with pytest.raises(NotFoundError):
        await groups.create(OF_ACME, "g", tenant="default")
    assert (await groups.create(OF_ACME, "g")).tenant == "acme"
    with pytest.raises(AccessDeniedError):
        await groups.create(READER, "h")


async def test_a_role_tells_what_gives_it_and_what_needs_it(premises: Premises) -> None:
    """From the suite file: groups, routes, and the management API."""
    found = {each.name: each for each in await premises.control.roles.list(READER)}

    assert list(found) == ["admin", "auditor", "clerk", "readonly", "superuser", "user"]
    assert (found["admin"].groups, found["admin"].api) == (("admins",), "write")
    assert (found["readonly"].groups, found["readonly"].api) == (("users",), "read")
    assert found["auditor"].routes == (RouteRef("/reports", ("GET",), "echo"),)
    assert [route.path for route in found["clerk"].routes] == ["/orders"]
    with pytest.raises(AccessDeniedError):
        await premises.control.roles.list(STRANGER)


async def test_who_has_a_role_is_told_to_who_may_manage(premises: Premises) -> None:
    """By a group or of its own; within the caller's tenant."""
    roles, people = premises.control.roles, premises.control.people
    await premises.add("ann", groups=("admins",))
    await people.create(ROOT, "bob", tenant="acme", roles=["admin", "odd"])

    async def logins(name: str) -> list[str]:
        return [user.login for user in (await roles.holders(ROOT, name, page=1, limit=9))[0]]

    assert await logins("admin") == ["ann", "bob"]
    assert (await roles.holders(OF_ACME, "admin", page=1, limit=9))[1] == 1
    assert (await roles.show(ROOT, "odd")).groups == ()
    with pytest.raises(NotFoundError):
        await roles.show(READER, "odd")
    with pytest.raises(AccessDeniedError):
        await roles.holders(READER, "admin", page=1, limit=9)
