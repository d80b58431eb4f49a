"""Who may see what became of notices."""

import pytest

from intertie.control.actor import Actor, Reach
from intertie.control.rule_quality import QualityControl
from intertie.errors import AccessDeniedError, NotFoundError

pytestmark = pytest.mark.anyio

READER = Actor("ann", may_read=True, may_write=False)
STRANGER = Actor("eve", may_read=False, may_write=False)
OF_ACME = Actor("dee", may_read=True, may_write=False, is_known=True, reach=Reach(tenant="acme"))


async def test_it_is_for_those_who_see_all() -> None:
    """Callers of a tenant would learn of others in the rows between."""
    for actor in (STRANGER, OF_ACME):
        with pytest.raises(AccessDeniedError):
            await QualityControl().quality(actor, since_s=60)
        with pytest.raises(AccessDeniedError):
            await QualityControl().proof(actor, "x")
    with pytest.raises(NotFoundError, match=r"add `monitoring: \{\}`"):
        await QualityControl().quality(READER, since_s=60)
