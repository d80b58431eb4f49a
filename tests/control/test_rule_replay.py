"""Who may replay rules, and what is said where there are none; the rest is on running suites."""

import pytest

from intertie.control.actor import Actor
from intertie.control.rule_replay import ReplayControl
from intertie.errors import AccessDeniedError, NotFoundError

pytestmark = pytest.mark.anyio

READER = Actor("ann", may_read=True, may_write=False)
STRANGER = Actor("eve", may_read=False, may_write=False)


async def test_a_suite_without_monitoring_says_what_to_write() -> None:
    """A plan says nothing of rules then."""
    control = ReplayControl()

    with pytest.raises(NotFoundError, match=r"add `monitoring: \{\}`"):
        await control.replay(READER, None, since_s=60)
    assert await control.difference(READER) is None


async def test_who_may_not_read_learns_nothing() -> None:
    """Not even whether there is monitoring."""
    with pytest.raises(AccessDeniedError):
        await ReplayControl().replay(STRANGER, None, since_s=60)
    with pytest.raises(AccessDeniedError):
        await ReplayControl().difference(STRANGER)
