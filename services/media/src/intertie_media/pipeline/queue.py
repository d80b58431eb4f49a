"""Takes jobs one after another, so many at a time, and survives whatever one of them does."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from anyio import (
    CancelScope,
    Event,
    Lock,
    create_task_group,
    get_cancelled_exc_class,
    move_on_after,
    sleep,
)

from intertie.errors import ConflictError, NotFoundError, StoreError
from intertie_media import core
from intertie_media.assets import Assets
from intertie_media.documents import AssetId, Failure
from intertie_media.pipeline.jobs import MAX_STRIKES, Held, Job, Jobs, State

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
"""For jobs that nobody told us of; of new ones we are told."""
RENEW_EVERY_S = 5.0
RETRY_S = 5.0
"""Before the second try; doubled for each further one."""

_CLEANUP_S = 5
_LOOK_AT = 20

Process = Callable[[AssetId, int], Awaitable[Failure | None]]
GiveUp = Callable[[AssetId, int, core.MediaError], Awaitable[Failure]]


class Queue:
    """`process` does the work of a job; `give_up` ends one for which there is no further try."""

    def __init__(self, jobs: Jobs, assets: Assets, *, process: Process, give_up: GiveUp) -> None:
        self._jobs = jobs
        self._assets = assets
        self._process = process
        self._give_up = give_up
        self._wake = Event()
        self._ended = Event()

    async def add(self, id: AssetId) -> Job:
        """Queue work on an asset, and begin when there is room. Raises NotFoundError.

        One that was given up is begun anew.
        """
        job = await self._jobs.add(await self._assets.get(id))
        if job.is_poison:
            job = await self._jobs.revive(id)
        self._wake.set()
        return job

    async def see_through(self, id: AssetId) -> Job:
        """Queue it, and wait for its end, whoever works on it. Raises NotFoundError."""
        job = await self.add(id)
        while job.ended_at is None:
            ended = self._ended
            with move_on_after(LOOK_EVERY_S):
                await ended.wait()
            job = await self._jobs.get(id)
        return job

    async def run(self, at_once: int) -> None:
        """Work until cancelled; jobs under way are given back then."""
        recovered = await self._jobs.recover()
        if recovered:
            log.warning("jobs of a killed pipeline queued again", extra={"jobs": recovered})
        async with create_task_group() as group:
            for _ in range(at_once):
                group.start_soon(self._work)

    async def _work(self) -> None:
        while True:
            if self._wake.is_set():
                self._wake = Event()
            wake = self._wake
            held = await self._next()
            if held is None:
                with move_on_after(LOOK_EVERY_S):
                    await wake.wait()
                continue
            try:
                await self._do(_Lease(self._jobs, held))
            except* StoreError as exc:
                # The lease runs out, and the job is free again.
                log.error("job left", extra={"asset": held.job.asset_id, "error": repr(exc)})
            self._ended.set()
            self._ended = Event()

    async def _next(self) -> Held | None:
        try:
            for asset in await self._assets.waiting(_LOOK_AT):
                await self._jobs.add(asset)
            return await self._jobs.claim()
        except StoreError as exc:
            log.error("cannot look for jobs", extra={"error": str(exc)})
            return None

    async def _do(self, lease: "_Lease") -> None:
        async with lease.kept():
            try:
                await self._try(lease)
            except get_cancelled_exc_class():
                with move_on_after(_CLEANUP_S, shield=True), suppress(StoreError):
                    await lease.give_back()
                raise

    async def _try(self, lease: "_Lease") -> None:
        job = lease.held.job
        try:
            if job.strikes > MAX_STRIKES:
                raise _interrupted(job.strikes - 1)
            failure = await self._process(job.asset_id, job.attempt)
        except NotFoundError:
            await lease.end("cancelled", None)
        except core.MediaError as exc:
            await self._failed(lease, exc)
        except StoreError as exc:
            log.error("job stopped", extra={"asset": job.asset_id, "error": str(exc)})
            await lease.again(None, after_s=_pause_s(job))
        except Exception:  # the fence: one asset must not end the work on all others
            log.exception("job failed", extra={"asset": job.asset_id})
            await self._failed(lease, _our_fault())
        else:
            await lease.end("failed" if failure else "done", failure)

    async def _failed(self, lease: "_Lease", exc: core.MediaError) -> None:
        job = lease.held.job
        if exc.retryable and job.strikes < MAX_STRIKES:
            failure = Failure(code=exc.code, message=exc.message, kind=exc.kind)
            await lease.again(failure, after_s=_pause_s(job))
            return
        try:
            failure = await self._give_up(job.asset_id, job.attempt, exc)
        except NotFoundError:
            await lease.end("cancelled", None)
        else:
            await lease.end("failed", failure)


class _Lease:
    """A job that we hold, renewed in the background."""

    def __init__(self, jobs: Jobs, held: Held) -> None:
        self._jobs = jobs
        self._one_at_a_time = Lock()
        self.held = held

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Renew it while the block runs; the block is cancelled when another has it."""
        async with create_task_group() as group:
            group.start_soon(self._keep, group.cancel_scope)
            yield
            group.cancel_scope.cancel()

    async def end(self, state: State, failure: Failure | None) -> None:
        """See Jobs."""
        async with self._one_at_a_time:
            await self._jobs.end(self.held, state, failure)

    async def again(self, failure: Failure | None, *, after_s: float) -> None:
        """See Jobs."""
        async with self._one_at_a_time:
            await self._jobs.again(self.held, failure, after_s=after_s)

    async def give_back(self) -> None:
        """See Jobs."""
        async with self._one_at_a_time:
            await self._jobs.give_back(self.held)

    async def _keep(self, work: CancelScope) -> None:
        while True:
            await sleep(RENEW_EVERY_S)
            try:
                async with self._one_at_a_time:
                    self.held = await self._jobs.renew(self.held)
            except ConflictError:
                log.warning("job lost to another", extra={"asset": self.held.job.asset_id})
                work.cancel()
                return
            except StoreError as exc:
                log.error("cannot renew the lease", extra={"error": str(exc)})


def _pause_s(job: Job) -> float:
    return RETRY_S * float(2 ** (job.strikes - 1))


def _interrupted(times: int) -> core.MediaError:
    return core.MediaError(
        f"cannot process the video: it was interrupted {times} times; upload it again",
        code="interrupted",
        kind="bug",
    )


def _our_fault() -> core.MediaError:
    return core.MediaError(
        "cannot process the video: a fault of ours, the pipeline's log has the details",
        code="internal",
        kind="bug",
    )
