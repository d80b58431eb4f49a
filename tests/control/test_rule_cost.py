"""What monitoring takes, before it runs."""

import pytest

from intertie.control.rule_cost import preview
from intertie.errors import IntertieError
from intertie.suite.model import Suite

pytestmark = pytest.mark.anyio


def suite(**monitoring: object) -> Suite:
    """One service."""
    return Suite.model_validate(
        {"suite": "a", "services": {"a": {"command": "true"}}, "monitoring": monitoring}
    )


async def test_too_much_is_told_before_it_happens() -> None:
    """More series than are allowed, and more bytes than are kept."""
    small = await preview(suite())
    large = await preview(
        suite(
            metrics_collection={
                "interval": 1,
                "max_series": 50,
                "retention": {"max_size": "1m"},
                "scrape": {"a": {"service": "a"}},
            }
        ),
        page_series=1000,
    )

    assert small.warnings == ()
    assert small.series == sum(int(str(each["series"])) for each in small.parts)
    assert ["max_series" in each for each in large.warnings] == [True, False]
    assert "max_size" in large.warnings[1]
    assert large.disk_bytes == 1 << 20


async def test_a_suite_that_is_not_monitored_costs_nothing() -> None:
    """It is told how to begin."""
    bare = suite().model_copy(update={"monitoring": None})

    with pytest.raises(IntertieError, match=r"add `monitoring: \{\}`"):
        await preview(bare)
