import pytest
from anyio import create_task_group, wait_all_tasks_blocked

from intertie.plugins.jobs import Job, Jobs

pytestmark = pytest.mark.anyio


async def test_the_oldest_notification_is_dropped_and_counted() -> None:
    """Never one that somebody waits for."""
    jobs = Jobs(limit=2)
    wanted, first, second = Job("a", wanted=True), Job("b"), Job("c")

    for job in (wanted, first, second):
        jobs.put(job)

    assert jobs.dropped == 1
    assert [jobs.take(), jobs.take(), jobs.take()] == [wanted, second, None]


async def test_next_waits_for_one() -> None:
    """It comes as soon as it is put."""
    jobs, got = Jobs(), list[Job]()

    async def take() -> None:
        got.append(await jobs.next())

    async with create_task_group() as group:
        group.start_soon(take)
        await wait_all_tasks_blocked()
        jobs.put(Job("a"))

    assert [job.hook for job in got] == ["a"]


async def test_a_job_nobody_waits_for_any_more_is_not_done() -> None:
    """And leaving twice is no fault."""
    jobs, job = Jobs(), Job("a", wanted=True)
    jobs.put(job)

    jobs.discard(job)
    jobs.discard(job)

    assert len(jobs) == 0
