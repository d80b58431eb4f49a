"""Whose things a caller sees."""

from dataclasses import replace

import pytest

from intertie.control.actor import ForbiddenError
from intertie.control.identity_desk import IdentityDesk, require_all_tenants
from intertie.errors import NotFoundError
from intertie.suite.model import Suite
from tests.control.premises import OF_ACME, ROOT, Premises

pytestmark = pytest.mark.anyio


async def test_a_caller_asks_about_its_own_tenant_unless_it_sees_all(premises: Premises) -> None:
    """Another one is not there, and neither is one that is in no suite file."""
    desk = premises.desk

    assert (desk.scope(ROOT, None), desk.scope(ROOT, "acme")) == (None, "acme")
    assert (desk.scope(OF_ACME, None), desk.scope(OF_ACME, "acme")) == ("acme", "acme")
    assert (desk.home(ROOT, None), desk.home(OF_ACME, None)) == ("default", "acme")
    for actor, tenant in ((OF_ACME, "default"), (OF_ACME, "globex"), (ROOT, "nowhere")):
        with pytest.raises(NotFoundError, match="cannot find tenant"):
            desk.scope(actor, tenant)


async def test_what_is_about_all_tenants_is_for_who_sees_all() -> None:
    """403 for others."""
    require_all_tenants(ROOT, "verify")
    with pytest.raises(ForbiddenError, match="all tenants"):
        require_all_tenants(OF_ACME, "verify")


async def test_the_suite_as_it_is_now_decides(premises: Premises) -> None:
    """Its tenants with the default one, and its groups."""
    assert set(premises.desk.tenants) == {"default", "acme", "globex"}
    assert premises.desk.mapping["admins"] == ("admin", "superuser")


async def test_a_tenants_manager_gives_no_role_that_it_lacks() -> None:
    """Neither by itself nor by a group; somebody of the default tenant may give any."""
    suite = Suite.model_validate(
        {"suite": "x", "services": {"a": {"command": "true"}}, "identity": {}}
    )
    desk = IdentityDesk(suite=lambda: suite)
    anybody = replace(OF_ACME, reach=replace(OF_ACME.reach, tenant=None))

    desk.may_give(OF_ACME, ["admin"])
    desk.may_give(anybody, ["operators"], groups=["admins"])
    with pytest.raises(ForbiddenError, match="operators"):
        desk.may_give(OF_ACME, ["admin", "operators"])
    with pytest.raises(ForbiddenError, match="superuser"):
        desk.may_give(OF_ACME, groups=["admins"])
