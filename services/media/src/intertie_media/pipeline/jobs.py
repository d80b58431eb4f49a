"""Jobs: which asset is worked on, by whom, and for how long they may be silent about it.

A job is a record with a lease. Its holder renews the lease; a holder that was killed does not, and
the job is free again. Each write demands the version read before, so that a holder who lost the
lease finds out instead of writing over another one's work.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from intertie.errors import ConflictError, NotFoundError
from intertie.store import Record, Records
from intertie_media.documents import (
    JOBS,
    PRIORITIES,
    Asset,
    AssetId,
    Failure,
    Model,
    Priority,
    UserId,
)

log = logging.getLogger(__name__)

LEASE_S = 30.0
MAX_STRIKES = 5
"""Tries that may end badly, or not at all, before a job is given up."""

_LOOK_AT = 100

State = Literal["queued", "running", "done", "failed", "cancelled"]


class Job(Model):
    """A document of `media-jobs`; its id is the asset's."""

    asset_id: AssetId
    user_id: UserId
    priority: Priority = "normal"
    state: State = "queued"
    attempt: int = 0
    """How many times it was begun."""
    strikes: int = 0
    """How many of these ended neither well nor with an orderly stop."""
    holder: str | None = None
    lease_until: datetime | None = None
    not_before: datetime
    error: Failure | None = None
    created_at: datetime
    ended_at: datetime | None = None

    @property
    def is_poison(self) -> bool:
        """Given up, and not for what is in the file: somebody should look at it."""
        return self.state == "failed" and self.error is not None and self.error.kind != "input"


@dataclass(frozen=True, slots=True)
class Held:
    """A job that we hold, as of the last write."""

    job: Job
    version: int


class Jobs:
    """`holder` names this replica and is the same after a restart."""

    def __init__(
        self,
        records: Records,
        *,
        holder: str,
        now: Callable[[], datetime],
        lease_s: float = LEASE_S,
    ) -> None:
        self._records = records
        self._holder = holder
        self._now = now
        self._lease_s = lease_s

    async def add(self, asset: Asset) -> Job:
        """Queue work on `asset`; a job that is there already stays as it is."""
        now = self._now()
        job = Job(
            asset_id=asset.id,
            user_id=asset.user_id,
            priority=asset.priority,
            not_before=now,
            created_at=now,
        )
        try:
            await self._put(job, 0)
        except ConflictError:
            return await self.get(asset.id)
        return job

    async def revive(self, asset: AssetId) -> Job:
        """Queue a job once more that was given up; any other stays as it is."""
        record = await self._records.get(JOBS, asset)
        job = _parse(record)
        if not job.is_poison:
            return job
        anew: dict[str, object] = {"state": "queued", "strikes": 0, "ended_at": None}
        again = job.model_copy(update={**anew, "not_before": self._now(), **_NOBODYS})
        return (await self._put(again, record.version)).job

    async def get(self, asset: AssetId) -> Job:
        """Raises NotFoundError."""
        try:
            return _parse(await self._records.get(JOBS, asset))
        except NotFoundError as exc:
            raise NotFoundError(f"cannot find a job for asset {asset!r}") from exc

    async def claim(self) -> Held | None:
        """The most urgent job that is free, of those the oldest, now ours; None for none."""
        queued = [each for of in PRIORITIES for each in await self._find("queued", priority=of)]
        for record in [*queued, *await self._find("running")]:
            job = _parse(record)
            if not self._is_free(job):
                continue
            mine = job.model_copy(
                update={
                    "state": "running",
                    "attempt": job.attempt + 1,
                    "strikes": job.strikes + 1,
                    "holder": self._holder,
                    "lease_until": self._lease_end(),
                }
            )
            try:
                return await self._put(mine, record.version)
            except ConflictError:
                continue
        return None

    async def renew(self, held: Held) -> Held:
        """Hold it on. Raises ConflictError when another has it now."""
        return await self._put(
            held.job.model_copy(update={"lease_until": self._lease_end()}), held.version
        )

    async def end(self, held: Held, state: State, error: Failure | None = None) -> None:
        """Give it away for good. Raises ConflictError when another has it now."""
        ended = {"state": state, "error": error, "ended_at": self._now(), **_NOBODYS}
        await self._put(held.job.model_copy(update=ended), held.version)

    async def again(self, held: Held, error: Failure | None, *, after_s: float) -> None:
        """Queue it once more. Raises ConflictError when another has it now."""
        later = self._now() + timedelta(seconds=after_s)
        waiting = {"state": "queued", "error": error, "not_before": later, **_NOBODYS}
        await self._put(held.job.model_copy(update=waiting), held.version)

    async def give_back(self, held: Held) -> None:
        """Queue it once more, as if it had not been begun: we stop, the job did nothing wrong."""
        forgiven = held.job.model_copy(update={"strikes": held.job.strikes - 1})
        await self.again(Held(forgiven, held.version), held.job.error, after_s=0)

    async def recover(self) -> int:
        """Queue what this replica held when it was killed; how many jobs. For its start only."""
        count = 0
        for record in await self._find("running"):
            job = _parse(record)
            if job.holder == self._holder:
                await self.again(Held(job, record.version), job.error, after_s=0)
                count += 1
        return count

    def _is_free(self, job: Job) -> bool:
        if job.state == "queued":
            return job.not_before <= self._now()
        return job.lease_until is None or job.lease_until < self._now()

    def _lease_end(self) -> datetime:
        return self._now() + timedelta(seconds=self._lease_s)

    async def _find(self, state: State, **fields: str) -> list[Record]:
        wanted = {"state": state, **fields}
        page = await self._records.find(JOBS, wanted, newest_first=False, limit=_LOOK_AT)
        return list(page.items)

    async def _put(self, job: Job, expect: int) -> Held:
        record = await self._records.put(
            JOBS, job.asset_id, job.model_dump(mode="json"), expect=expect
        )
        return Held(job, record.version)


_NOBODYS: dict[str, object] = {"holder": None, "lease_until": None}


def _parse(record: Record) -> Job:
    return Job.model_validate(record.document)
