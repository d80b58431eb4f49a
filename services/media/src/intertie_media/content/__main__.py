"""Runs content management: `python -m intertie_media.content`."""

from datetime import UTC, datetime

from intertie_media.assets import Assets
from intertie_media.content.app import ContentApi, content_app
from intertie_media.health import storage_checks
from intertie_media.serve import serve, start
from intertie_media.settings import Settings
from intertie_media.storage import open_storage


def _now() -> datetime:
    return datetime.now(UTC)


async def main(settings: Settings) -> None:
    """Serve until told to stop."""
    async with open_storage(settings) as storage:
        api = ContentApi(Assets(storage.records, now=_now), now=_now)
        await serve(content_app(api, storage_checks(storage, settings)), settings)


if __name__ == "__main__":
    start("content-management", main)
