"""Who may ask, and what is said where there is nothing."""

import json

import pytest

from intertie.control.actor import Actor
from intertie.control.monitoring import MonitoringControl, Taken
from intertie.errors import AccessDeniedError, NotFoundError

pytestmark = pytest.mark.anyio

READER = Actor("ann", may_read=True, may_write=False)
STRANGER = Actor("eve", may_read=False, may_write=False)


async def test_a_suite_without_monitoring_says_what_to_write() -> None:
    """Whatever is asked."""
    control = MonitoringControl()

    with pytest.raises(NotFoundError, match=r"add `monitoring: \{\}`"):
        await control.standing(READER)
    with pytest.raises(NotFoundError, match=r"add `monitoring: \{\}`"):
        control.alerts(READER)


async def test_who_may_not_read_learns_nothing() -> None:
    """Not even whether there is monitoring."""
    with pytest.raises(AccessDeniedError):
        await MonitoringControl().instant(STRANGER, "up", 0)


def test_what_could_not_be_taken_is_told_as_otlp_has_it() -> None:
    """Nothing is said where all was taken."""
    some = Taken(points=2, rejected=1, why="a reason")

    assert Taken(2, 0, "").as_otlp("application/json") == b"{}"
    assert Taken(2, 0, "").as_otlp("application/x-protobuf") == b""
    assert json.loads(some.as_otlp("application/json"))["partialSuccess"] == {
        "rejectedDataPoints": "1",
        "errorMessage": "a reason",
    }
    assert b"a reason" in some.as_otlp("application/x-protobuf")
