"""Who may page people for practice."""

import pytest

from intertie.control.actor import Actor
from intertie.control.rule_drill import DrillControl
from intertie.errors import AccessDeniedError, NotFoundError

pytestmark = pytest.mark.anyio

READER = Actor("ann", may_read=True, may_write=False)
WRITER = Actor("ben", may_read=True, may_write=True)


async def test_only_who_may_write_pages_people() -> None:
    """And only where there is monitoring."""
    with pytest.raises(AccessDeniedError):
        await DrillControl().drill(READER, "critical", within_s=1)
    with pytest.raises(NotFoundError, match=r"add `monitoring: \{\}`"):
        await DrillControl().drill(WRITER, "critical", within_s=1)
