"""Runs the processing pipeline: `python -m intertie_media.pipeline`."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from anyio import create_task_group
from starlette.types import ASGIApp

from intertie.errors import NotFoundError
from intertie.service import Reject, Service
from intertie_media import core
from intertie_media.assets import Assets
from intertie_media.core.ffmpeg import locate
from intertie_media.health import depend, program_check, storage_checks
from intertie_media.messages import AssetEvent, Kind, UploadCompleted
from intertie_media.pipeline.announce import Announcer
from intertie_media.pipeline.app import PipelineApi, pipeline_app
from intertie_media.pipeline.event import Hub
from intertie_media.pipeline.jobs import Jobs
from intertie_media.pipeline.queue import Queue
from intertie_media.pipeline.worker import Bench, give_up, process, take_temporary_folder
from intertie_media.serve import start
from intertie_media.settings import Settings
from intertie_media.storage import open_storage

GROUP = "pipeline"
_SEEN_THROUGH = 32
"""Uploads whose messages are in hand at once: worked on, or waiting for it."""


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def opened(settings: Settings, service: Service) -> AsyncIterator[ASGIApp]:
    """The application, while the work goes on beside it."""
    take_temporary_folder(settings.work / settings.replica.replace("/", "-"))
    async with open_storage(settings) as storage:
        hub = Hub()
        assets = Assets(storage.records, now=_now)
        jobs = Jobs(storage.records, holder=settings.replica, now=_now)
        announcer = Announcer(
            hub,
            storage.records,
            send=partial(send, service) if service.has_bus else None,
            new_id=lambda: uuid.uuid4().hex,
        )
        bench = Bench(
            assets=assets,
            blobs=storage.blobs,
            work=settings.work,
            publish=announcer.publish,
            now=_now,
            public_path=settings.public_path,
            limits=core.Limits(),
        )
        queue = Queue(
            jobs, assets, process=partial(process, bench), give_up=partial(give_up, bench)
        )
        if service.has_bus:
            subscribe(service, queue, announcer)
        depend(service, {**storage_checks(storage, settings), "ffmpeg": program_check(locate)})
        async with create_task_group() as group:
            group.start_soon(queue.run, settings.max_transcodes)
            group.start_soon(announcer.run)
            yield pipeline_app(PipelineApi(jobs, assets, hub))
            hub.close()
            group.cancel_scope.cancel()


def subscribe(service: Service, queue: Queue, announcer: Announcer) -> None:
    """Take up uploads at once, and hear what other replicas say."""

    @service.subscribe(UploadCompleted, group=GROUP, concurrency=_SEEN_THROUGH, from_start=True)
    async def take_up(upload: UploadCompleted) -> None:
        """The message is dealt with when the work is; what is given up becomes a dead letter."""
        try:
            job = await queue.see_through(upload.asset_id)
        except NotFoundError:
            return  # deleted meanwhile
        if job.is_poison and job.error is not None:
            raise Reject(f"{job.error.code}: {job.error.message}")

    service.subscribe(AssetEvent, topic="asset.*")(announcer.hear)


async def send(service: Service, kind: Kind, event: AssetEvent, id: str) -> None:
    """Publish; those of one asset keep their order."""
    asset = event.asset_id
    await service.publish(event, subject=asset, key=asset, topic=kind, id=id)


if __name__ == "__main__":
    start("processing-pipeline", opened)
