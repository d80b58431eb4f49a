"""Runs the processing pipeline: `python -m intertie_media.pipeline`."""

from datetime import UTC, datetime
from functools import partial

from anyio import create_task_group

from intertie_media import core
from intertie_media.assets import Assets
from intertie_media.core.ffmpeg import locate
from intertie_media.health import program_check, storage_checks
from intertie_media.pipeline.app import PipelineApi, pipeline_app
from intertie_media.pipeline.event import Hub
from intertie_media.pipeline.jobs import Jobs
from intertie_media.pipeline.queue import Queue
from intertie_media.pipeline.worker import Bench, give_up, process, take_temporary_folder
from intertie_media.serve import serve, start
from intertie_media.settings import Settings
from intertie_media.storage import open_storage


def _now() -> datetime:
    return datetime.now(UTC)


async def main(settings: Settings) -> None:
    """Serve and work until told to stop."""
    take_temporary_folder(settings.work / settings.replica.replace("/", "-"))
    async with open_storage(settings) as storage:
        hub = Hub()
        assets = Assets(storage.records, now=_now)
        jobs = Jobs(storage.records, holder=settings.replica, now=_now)
        bench = Bench(
            assets=assets,
            blobs=storage.blobs,
            work=settings.work,
            publish=hub.publish,
            now=_now,
            public_path=settings.public_path,
            limits=core.Limits(),
        )
        queue = Queue(
            jobs, assets, process=partial(process, bench), give_up=partial(give_up, bench)
        )
        app = pipeline_app(
            PipelineApi(queue, jobs, assets, hub),
            {**storage_checks(storage, settings), "ffmpeg": program_check(locate)},
        )
        async with create_task_group() as group:
            group.start_soon(queue.run, settings.max_transcodes)
            await serve(app, settings, on_stop=hub.close)
            group.cancel_scope.cancel()


if __name__ == "__main__":
    start("processing-pipeline", main)
