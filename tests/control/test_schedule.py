from datetime import UTC, datetime

import pytest

from intertie.control.actor import Actor
from intertie.control.schedule import TaskControl, oddities, timings
from intertie.errors import NotFoundError
from intertie.suite.model import Suite

SUITE = Suite.model_validate(
    {
        "suite": "a",
        "services": {"web": {"command": "true"}},
        "automation": {
            "tasks": {"night": {"command": "true", "schedule": "30 2 * * *"}},
            "backup": {"timezone": "Europe/Berlin", "schedule": "30 2 * * *"},
            "maintenance": {},
        },
    }
)


def test_all_that_is_done_at_set_times_has_a_name_and_a_kind() -> None:
    """A drill is a task of its own, by its own schedule."""
    found = {name: (kind, timing.schedule) for name, (kind, timing) in timings(SUITE).items()}

    assert found == {
        "night": ("task", "30 2 * * *"),
        "backup": ("backup", "30 2 * * *"),
        "backup-drill": ("drill", "0 4 * * 6"),
        "maintenance": ("maintenance", "0 3 * * 0"),
    }


def test_what_is_odd_is_told_by_time() -> None:
    """Of all tasks, or of one."""
    start = datetime(2026, 1, 1, tzinfo=UTC)

    found = oddities(SUITE, start)

    assert [each.at for each in found] == sorted(each.at for each in found)
    assert {each.task for each in found} == {"backup"}
    assert oddities(SUITE, start, name="night") == []
    with pytest.raises(NotFoundError, match="known are backup, backup-drill, maintenance, night"):
        oddities(SUITE, start, name="day")


@pytest.mark.anyio
async def test_a_suite_without_tasks_says_what_to_write() -> None:
    """Whatever is asked."""
    with pytest.raises(NotFoundError, match="write some below `automation`"):
        await TaskControl().list(Actor("ann", may_read=True, may_write=True))
