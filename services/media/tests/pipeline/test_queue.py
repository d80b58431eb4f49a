from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from anyio import Event, create_task_group, fail_after, sleep_forever

from intertie.errors import NotFoundError, StoreError
from intertie_media import core
from intertie_media.assets import Assets
from intertie_media.documents import AssetId, Failure
from intertie_media.pipeline.jobs import MAX_STRIKES, Jobs
from intertie_media.pipeline.queue import Queue
from intertie_media.storage import Storage
from services.media.tests.kit import Clock, asset

pytestmark = pytest.mark.anyio
A1 = AssetId("a1")
FAILURE = Failure(code="odd", message="cannot: odd", kind="input")

Work = Callable[[AssetId, int], Awaitable[Failure | None]]


@dataclass
class Shop:
    """A queue whose work the test decides, and what came of it."""

    storage: Storage
    assets: Assets
    clock: Clock
    began: list[tuple[str, int]] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)
    ended: Event = field(default_factory=Event)

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.storage.records, holder="pipeline/0", now=self.clock)

    @asynccontextmanager
    async def open(self, work: Work, at_once: int = 1) -> AsyncIterator[Queue]:
        """The queue runs inside the block."""

        async def process(id: AssetId, attempt: int) -> Failure | None:
            self.began.append((id, attempt))
            return await work(id, attempt)

        async def give_up(id: AssetId, attempt: int, exc: core.MediaError) -> Failure:
            self.given_up.append(exc.code)
            return Failure(code=exc.code, message=str(exc), kind=exc.kind)

        queue = Queue(self.jobs, self.assets, process=process, give_up=give_up)
        async with create_task_group() as group:
            group.start_soon(queue.run, at_once)
            with fail_after(30):
                yield queue
            group.cancel_scope.cancel()

    async def until(self, state: str, id: AssetId = A1) -> None:
        """Return when the job is in `state`."""
        while (await self.jobs.get(id)).state != state:
            pass


@pytest.fixture
async def shop(storage: Storage, assets: Assets, clock: Clock) -> Shop:
    """With one asset that waits."""
    await assets.create(asset())
    return Shop(storage, assets, clock)


async def test_a_job_that_ends_well_is_done(shop: Shop) -> None:
    """Begun once, with the number of the try."""

    async def work(_: AssetId, __: int) -> None:
        return None

    async with shop.open(work) as queue:
        await queue.add(A1)
        await shop.until("done")

    assert shop.began == [("a1", 1)]


async def test_an_asset_nobody_told_of_is_found(shop: Shop) -> None:
    """The upload manager may have been cut off when it wanted to tell us."""

    async def work(_: AssetId, __: int) -> None:
        shop.ended.set()

    async with shop.open(work):
        await shop.ended.wait()
        await shop.until("done")


@pytest.mark.parametrize(
    ("raised", "state", "given_up"),
    [
        (NotFoundError("cannot find it"), "cancelled", []),
        (core.MediaError("cannot: odd", code="odd", kind="input"), "failed", ["odd"]),
        (RuntimeError("a bug"), "failed", ["internal"]),
        (core.MediaError("full", code="disk_full", kind="capacity"), "queued", []),
        (StoreError("cannot write"), "queued", []),
    ],
)
async def test_each_way_to_fail_has_its_end(
    shop: Shop, raised: Exception, state: str, given_up: list[str]
) -> None:
    """Deleted assets are cancelled, bad files and bugs given up, the rest is tried again."""

    async def work(id: AssetId, _: int) -> None:
        if id == A1:
            raise raised
        shop.ended.set()

    await shop.assets.create(asset("a2"))
    async with shop.open(work) as queue:
        await queue.add(A1)
        await queue.add(AssetId("a2"))
        await shop.ended.wait()
        await shop.until("done", AssetId("a2"))

    assert (await shop.jobs.get(A1)).state == state
    assert shop.given_up == given_up


async def test_a_failure_of_the_file_is_kept_with_the_job(shop: Shop) -> None:
    """Whoever asks for the job learns why."""

    async def work(_: AssetId, __: int) -> Failure:
        return FAILURE

    async with shop.open(work) as queue:
        await queue.add(A1)
        await shop.until("failed")

    assert (await shop.jobs.get(A1)).error == FAILURE


async def test_a_stopped_queue_gives_its_job_back(shop: Shop) -> None:
    """The next one begins it at once."""

    async def work(_: AssetId, __: int) -> None:
        shop.ended.set()
        await sleep_forever()

    async with shop.open(work) as queue:
        await queue.add(A1)
        await shop.ended.wait()

    found = await shop.jobs.get(A1)
    assert (found.state, found.strikes, found.holder) == ("queued", 0, None)


async def test_a_job_that_kills_the_pipeline_again_and_again_is_given_up(shop: Shop) -> None:
    """One file cannot keep it busy for ever."""
    await shop.jobs.add(asset())
    for _ in range(MAX_STRIKES):
        await shop.jobs.claim()  # and the process is killed
        await shop.jobs.recover()

    async def work(_: AssetId, __: int) -> None:
        raise AssertionError("begun once more")

    async with shop.open(work):
        await shop.until("failed")

    assert (shop.began, shop.given_up) == ([], ["interrupted"])


async def test_only_so_many_are_worked_on_at_once(shop: Shop) -> None:
    """The machine is not asked for more than it has."""
    for name in ("a2", "a3"):
        await shop.assets.create(asset(name))
    busy = list[str]()

    async def work(id: AssetId, _: int) -> None:
        busy.append(id)
        if len(busy) == 2:
            shop.ended.set()
        await sleep_forever()

    async with shop.open(work, at_once=2):
        await shop.ended.wait()

    assert busy == ["a1", "a2"]


async def test_urgent_jobs_are_begun_first(shop: Shop) -> None:
    """Of one priority the oldest."""
    done: list[str] = []
    for id, priority in (("b", "low"), ("c", "normal"), ("d", "high"), ("e", "high")):
        await shop.assets.create(asset(id, priority=priority))
        await shop.jobs.add(asset(id, priority=priority))

    async def work(id: AssetId, _: int) -> None:
        done.append(id)

    async with shop.open(work) as queue:
        for id in "bcde":
            await queue.see_through(AssetId(id))

    assert [id for id in done if id != "a1"] == ["d", "e", "c", "b"]


async def test_a_job_is_seen_through_to_its_end(shop: Shop) -> None:
    """However it ends; one that is asked for twice is done once."""

    async def work(_: AssetId, __: int) -> Failure:
        return FAILURE

    async with shop.open(work) as queue:
        first = await queue.see_through(A1)
        second = await queue.see_through(A1)

    assert (first.state, first.is_poison, second) == ("failed", False, first)
    assert len(shop.began) == 1


async def test_a_job_that_was_given_up_is_begun_anew_when_asked_for(shop: Shop) -> None:
    """Somebody has mended what was wrong, and replays its message."""
    broken = True

    async def work(_: AssetId, __: int) -> None:
        if broken:
            raise ValueError("a fault of ours")

    async with shop.open(work) as queue:
        poison = await queue.see_through(A1)
        broken = False
        mended = await queue.see_through(A1)

    assert (poison.state, poison.is_poison) == ("failed", True)
    assert (mended.state, mended.error) == ("done", None)
