"""Runs the streaming engine: `python -m intertie_media.streaming`."""

import time
from datetime import UTC, datetime

from intertie_media.assets import Assets
from intertie_media.health import storage_checks
from intertie_media.serve import serve, start
from intertie_media.settings import Settings
from intertie_media.storage import open_storage
from intertie_media.streaming.access import Access
from intertie_media.streaming.app import StreamingApi, streaming_app


async def main(settings: Settings) -> None:
    """Serve until told to stop."""
    async with open_storage(settings) as storage:
        assets = Assets(storage.records, now=lambda: datetime.now(UTC))
        api = StreamingApi(assets, storage.blobs, Access(assets, clock=time.monotonic))
        await serve(streaming_app(api, storage_checks(storage, settings)), settings)


if __name__ == "__main__":
    start("streaming-engine", main)
