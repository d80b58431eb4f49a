"""All that is known of rules, in one place."""

import pytest

from intertie.control.actor import Actor
from intertie.control.rule_insight import rule_insight
from intertie.errors import IntertieError, NotFoundError
from intertie.suite.model import Suite

pytestmark = pytest.mark.anyio

ANN = Actor("ann", may_read=True, may_write=True)


async def test_nothing_is_known_of_a_suite_that_is_not_monitored() -> None:
    """Whatever is asked."""

    async def load() -> Suite:
        raise IntertieError("nobody reads the file")

    insight = rule_insight(lambda: None, load)

    with pytest.raises(NotFoundError):
        await insight.replays.replay(ANN, None, since_s=60)
    with pytest.raises(NotFoundError):
        await insight.drills.drill(ANN, "critical", within_s=1)
    with pytest.raises(NotFoundError):
        await insight.notices.quality(ANN, since_s=60)
    with pytest.raises(NotFoundError):
        await insight.notices.proof(ANN, "x")
    assert await insight.replays.difference(ANN) is None
