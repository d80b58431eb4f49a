"""Tenants: what the suite file says of each, and how much there is of it."""

from dataclasses import replace

import pytest

from intertie.control.tenants import TenantControl
from intertie.errors import AccessDeniedError, ConflictError, NotFoundError
from tests.control.premises import OF_ACME, READER, ROOT, STRANGER, Premises

pytestmark = pytest.mark.anyio


async def test_tenants_are_those_of_the_suite_file_and_the_default_one(premises: Premises) -> None:
    """With how many users and keys each has."""
    await premises.add("ann")
    await premises.add("dee", tenant="acme")
    await premises.control.keys.create(ROOT, "robot", tenant="acme")

    found = await premises.control.tenants.list(READER)

    assert [(each.name, each.users, each.keys) for each in found] == [
        ("acme", 1, 1),
        ("default", 1, 0),
        ("globex", 0, 0),
    ]
    assert found[0].tenant.sla == "99.9%"


async def test_a_tenant_sees_itself_only(premises: Premises) -> None:
    """Others are as if not there."""
    tenants = premises.control.tenants

    assert [each.name for each in await tenants.list(OF_ACME)] == ["acme"]
    assert (await tenants.show(OF_ACME, "acme")).name == "acme"
    for name in ("default", "globex", "nowhere"):
        with pytest.raises(NotFoundError):
            await tenants.show(OF_ACME, name)
    with pytest.raises(AccessDeniedError):
        await tenants.list(STRANGER)


async def test_usage_needs_a_door_that_counts(premises: Premises) -> None:
    """Without one the answer says so; without a gateway, too."""
    with pytest.raises(ConflictError, match="no door runs"):
        await premises.control.tenants.usage(ROOT, "acme")
    without = TenantControl(replace(premises.desk, envoy=None))
    with pytest.raises(NotFoundError, match="no gateway"):
        await without.usage(ROOT, "acme")
