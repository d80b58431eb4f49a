"""Runs the upload manager: `python -m intertie_media.upload`."""

import uuid
from datetime import UTC, datetime

import httpx
from anyio import create_task_group, sleep

from intertie_media.health import peer_check, storage_checks
from intertie_media.serve import serve, start
from intertie_media.settings import Settings
from intertie_media.storage import open_storage
from intertie_media.upload.app import Pipeline, UploadApi, upload_app
from intertie_media.upload.manager import Uploads

TIDY_EVERY_S = 60


async def main(settings: Settings) -> None:
    """Serve until told to stop."""
    pipeline_url = settings.urls["processing-pipeline"]
    async with open_storage(settings) as storage, httpx.AsyncClient(trust_env=False) as client:
        uploads = Uploads(
            storage, settings, now=lambda: datetime.now(UTC), new_id=lambda: uuid.uuid4().hex
        )
        api = UploadApi(uploads, Pipeline(client, pipeline_url), public_path=settings.public_path)
        checks = {
            **storage_checks(storage, settings),
            "processing-pipeline": peer_check(client, pipeline_url),
        }
        async with create_task_group() as group:
            group.start_soon(_tidy, uploads)
            await serve(upload_app(api, checks), settings)
            group.cancel_scope.cancel()


async def _tidy(uploads: Uploads) -> None:
    while True:
        await uploads.tidy()
        await sleep(TIDY_EVERY_S)


if __name__ == "__main__":
    start("upload-manager", main)
