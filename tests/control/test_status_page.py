"""Who sees the status page, and what it costs when many do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from anyio import create_task_group

from intertie.control.actor import Actor
from intertie.control.status_page import Remembered, StatusPageControl
from intertie.errors import AccessDeniedError, NotFoundError
from intertie.suite.model import Suite

pytestmark = pytest.mark.anyio

READER = Actor("ann", may_read=True, may_write=False)
STRANGER = Actor("eve", may_read=False, may_write=False)
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def control(**page: object) -> StatusPageControl:
    """Of a suite with one service, that declares a page."""
    suite = Suite.model_validate(
        {
            "suite": "shop",
            "services": {"web": {"command": "true"}},
            "monitoring": {"status_page": page},
        }
    )
    return StatusPageControl(lambda: suite)


async def test_a_suite_without_one_says_what_to_write_to_readers_only() -> None:
    """Others do not learn whether there is one."""
    with pytest.raises(NotFoundError, match=r"write `status_page: \{\}`"):
        await StatusPageControl().report(READER)
    with pytest.raises(AccessDeniedError):
        await StatusPageControl().report(STRANGER)


async def test_only_a_public_page_is_for_strangers() -> None:
    """Nothing else makes it so."""
    with pytest.raises(AccessDeniedError):
        await control().report(STRANGER)

    found = await control(public=True, title="Shop").report(STRANGER)

    assert found.title == "Shop"


async def test_without_samples_it_says_so() -> None:
    """States are told all the same."""
    found = await control(public=True).report(STRANGER)

    assert "cannot be read now" in found.note
    assert [(each.name, each.status) for each in found.services] == [("web", "DOWN")]
    assert [(each.service, each.since) for each in found.incidents] == [("web", None)]


async def test_many_who_ask_cost_no_more_than_one() -> None:
    """Until the answer is too old, or about something else."""
    numbers: Iterator[int] = iter(range(100))
    found: list[int] = []
    remembered = Remembered[int](10)

    async def make() -> int:
        return next(numbers)

    async def ask() -> None:
        found.append(await remembered.get(make, NOW))

    async with create_task_group() as group:
        for _ in range(20):
            group.start_soon(ask)

    assert found == [0] * 20
    assert await remembered.get(make, NOW + timedelta(seconds=9.9)) == 0
    assert await remembered.get(make, NOW + timedelta(seconds=10)) == 1
    assert await remembered.get(make, NOW + timedelta(seconds=10), about="other") == 2
