"""Who may have dashboards, and of which points they are."""

import pytest

from intertie.control.actor import Actor
from intertie.control.dashboard import DashboardControl
from intertie.errors import AccessDeniedError, NotFoundError

READER = Actor("ann", may_read=True, may_write=False)
STRANGER = Actor("eve", may_read=False, may_write=False)


def test_a_suite_without_monitoring_says_what_to_write() -> None:
    """The page itself is there, to say it to people."""
    control = DashboardControl()

    with pytest.raises(NotFoundError, match=r"add `monitoring: \{\}`"):
        control.boards(READER, "1h")
    assert control.page()[0].startswith("<!doctype html>")


def test_who_may_not_read_gets_no_queries() -> None:
    """They tell what a suite has."""
    with pytest.raises(AccessDeniedError):
        DashboardControl().boards(STRANGER, "1h")
