"""All use cases about identities together."""

import pytest

from intertie.control.audit import Trail
from intertie.control.identity import IdentityControl
from intertie.control.identity_desk import IdentityDesk
from intertie.control.people import Wanted
from intertie.errors import AccessDeniedError, ConflictError
from tests.control.premises import ROOT, STRANGER

pytestmark = pytest.mark.anyio


async def test_without_identities_every_use_case_says_what_to_add() -> None:
    """But to a stranger no more than that it may not ask."""
    bare = IdentityControl.of(IdentityDesk())

    for actor, error in ((ROOT, ConflictError), (STRANGER, AccessDeniedError)):
        calls = (
            bare.people.list(actor, Wanted(), page=1, limit=1),
            bare.people.create(actor, "ann"),
            bare.people.show(actor, "x"),
            bare.groups.list(actor),
            bare.roles.list(actor),
            bare.keys.list(actor, page=1, limit=1),
            bare.keys.create(actor, "k"),
            bare.tenants.list(actor),
            bare.audit.page(actor, Trail(), limit=1),
        )
        for call in calls:
            with pytest.raises(error) as raised:
                await call
            assert ("add `identity: {}`" in str(raised.value)) == (actor is ROOT)
