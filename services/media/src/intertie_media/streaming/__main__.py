"""Runs the streaming engine: `python -m intertie_media.streaming`."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from starlette.types import ASGIApp

from intertie.service import Service
from intertie_media.assets import Assets
from intertie_media.health import depend, storage_checks
from intertie_media.serve import start
from intertie_media.settings import Settings
from intertie_media.storage import open_storage
from intertie_media.streaming.access import Access
from intertie_media.streaming.app import StreamingApi, streaming_app


@asynccontextmanager
async def opened(settings: Settings, service: Service) -> AsyncIterator[ASGIApp]:
    """The application, while its stores are open."""
    async with open_storage(settings) as storage:
        depend(service, storage_checks(storage, settings))
        assets = Assets(storage.records, now=lambda: datetime.now(UTC))
        access = Access(assets, clock=time.monotonic)
        yield streaming_app(StreamingApi(assets, storage.blobs, access))


if __name__ == "__main__":
    start("streaming-engine", opened)
