"""Runs the upload manager: `python -m intertie_media.upload`."""

import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from anyio import create_task_group, fail_after, sleep
from starlette.types import ASGIApp

from intertie.errors import BusError
from intertie.service import Service
from intertie_media.health import depend, storage_checks
from intertie_media.messages import UploadCompleted
from intertie_media.serve import start
from intertie_media.settings import Settings
from intertie_media.storage import open_storage
from intertie_media.upload.app import UploadApi, upload_app
from intertie_media.upload.manager import Uploads
from intertie_media.upload.model import Upload

log = logging.getLogger(__name__)

TIDY_EVERY_S = 60
TELL_S = 2.0


@asynccontextmanager
async def opened(settings: Settings, service: Service) -> AsyncIterator[ASGIApp]:
    """The application, while what is left over is tidied up."""
    async with open_storage(settings) as storage:
        uploads = Uploads(
            storage, settings, now=lambda: datetime.now(UTC), new_id=lambda: uuid.uuid4().hex
        )
        depend(service, storage_checks(storage, settings))
        async with create_task_group() as group:
            group.start_soon(_tidy, uploads)
            api = UploadApi(uploads, partial(tell, service), public_path=settings.public_path)
            yield upload_app(api)
            group.cancel_scope.cancel()


async def tell(service: Service, upload: Upload) -> None:
    """Have the pipeline begin at once; without the bus it finds the asset a little later."""
    if not service.has_bus:
        return
    completed = UploadCompleted(
        asset_id=upload.asset_id, user_id=upload.user_id, priority=upload.priority
    )
    try:
        with fail_after(TELL_S):
            await service.publish(
                completed, subject=upload.asset_id, priority=upload.priority, id=upload.id
            )
    except (BusError, TimeoutError) as exc:
        log.warning("pipeline not told", extra={"asset": upload.asset_id, "error": str(exc)})


async def _tidy(uploads: Uploads) -> None:
    while True:
        await uploads.tidy()
        await sleep(TIDY_EVERY_S)


if __name__ == "__main__":
    start("upload-manager", opened)
