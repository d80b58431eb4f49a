import pytest

from intertie.errors import ConflictError, NotFoundError
from intertie_media.documents import AssetId, Failure
from intertie_media.pipeline.jobs import LEASE_S, Jobs
from intertie_media.storage import Storage
from services.media.tests.kit import Clock, asset

pytestmark = pytest.mark.anyio
FAILURE = Failure(code="odd", message="cannot: odd", kind="input")


@pytest.fixture
def jobs(storage: Storage, clock: Clock) -> Jobs:
    """Those of the first replica."""
    return Jobs(storage.records, holder="pipeline/0", now=clock)


@pytest.fixture
def others(storage: Storage, clock: Clock) -> Jobs:
    """The same jobs, seen by the second replica."""
    return Jobs(storage.records, holder="pipeline/1", now=clock)


async def test_a_job_is_added_once(jobs: Jobs) -> None:
    """However often we are told of an asset, there is one job."""
    first = await jobs.add(asset())
    held = await jobs.claim()
    again = await jobs.add(asset())

    assert (first.state, again.state) == ("queued", "running")
    assert held
    assert await jobs.claim() is None


async def test_jobs_are_taken_oldest_first(jobs: Jobs) -> None:
    """Nobody is overtaken."""
    for name in ("a1", "a2", "a3"):
        await jobs.add(asset(name))

    taken = [held.job.asset_id for _ in range(3) if (held := await jobs.claim())]

    assert taken == ["a1", "a2", "a3"]


async def test_a_job_is_held_by_one(jobs: Jobs, others: Jobs) -> None:
    """Two replicas never work on the same asset."""
    await jobs.add(asset())

    assert await jobs.claim()
    assert await others.claim() is None


async def test_a_lease_that_ran_out_frees_the_job(jobs: Jobs, others: Jobs, clock: Clock) -> None:
    """The late holder finds out that it has lost the job."""
    await jobs.add(asset())
    late = await jobs.claim()
    clock.pass_by(LEASE_S + 1)

    taken = await others.claim()

    assert late
    assert taken
    assert (taken.job.attempt, taken.job.holder) == (2, "pipeline/1")
    with pytest.raises(ConflictError):
        await jobs.renew(late)
    with pytest.raises(ConflictError):
        await jobs.end(late, "done")


async def test_a_renewed_lease_holds_on(jobs: Jobs, others: Jobs, clock: Clock) -> None:
    """Long work is not taken away."""
    await jobs.add(asset())
    held = await jobs.claim()
    assert held
    for _ in range(5):
        clock.pass_by(LEASE_S - 1)
        held = await jobs.renew(held)

    assert await others.claim() is None
    await jobs.end(held, "done")
    assert (await jobs.get(AssetId("a1"))).state == "done"


async def test_a_restarted_replica_takes_its_own_jobs_up_at_once(jobs: Jobs, others: Jobs) -> None:
    """It need not wait for its own lease; another's jobs it leaves alone."""
    await jobs.add(asset("mine"))
    await others.add(asset("theirs"))
    await jobs.claim()
    await others.claim()

    assert await jobs.recover() == 1

    held = await jobs.claim()
    assert held
    assert (held.job.asset_id, held.job.attempt, held.job.strikes) == ("mine", 2, 2)


async def test_a_job_given_back_has_done_nothing_wrong(jobs: Jobs) -> None:
    """An orderly stop is no strike; the files still get a new folder."""
    await jobs.add(asset())
    held = await jobs.claim()
    assert held
    await jobs.give_back(held)

    again = await jobs.claim()

    assert again
    assert (again.job.attempt, again.job.strikes) == (2, 1)


async def test_a_job_to_be_tried_later_waits(jobs: Jobs, clock: Clock) -> None:
    """Until its time has come."""
    await jobs.add(asset())
    held = await jobs.claim()
    assert held
    await jobs.again(held, FAILURE, after_s=10)

    assert await jobs.claim() is None
    clock.pass_by(10)
    assert await jobs.claim()


async def test_an_ended_job_says_how_it_ended(jobs: Jobs, clock: Clock) -> None:
    """And is never taken again."""
    await jobs.add(asset())
    held = await jobs.claim()
    assert held
    await jobs.end(held, "failed", FAILURE)

    found = await jobs.get(AssetId("a1"))

    assert (found.state, found.error, found.ended_at) == ("failed", FAILURE, clock())
    assert (found.holder, found.lease_until) == (None, None)
    assert await jobs.claim() is None
    with pytest.raises(NotFoundError, match="cannot find a job"):
        await jobs.get(AssetId("nope"))
