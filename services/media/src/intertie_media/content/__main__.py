"""Runs content management: `python -m intertie_media.content`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from starlette.types import ASGIApp

from intertie.service import Service
from intertie_media.assets import Assets
from intertie_media.content.app import ContentApi, content_app
from intertie_media.health import depend, storage_checks
from intertie_media.serve import start
from intertie_media.settings import Settings
from intertie_media.storage import open_storage


def _now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def opened(settings: Settings, service: Service) -> AsyncIterator[ASGIApp]:
    """The application, while its stores are open."""
    async with open_storage(settings) as storage:
        depend(service, storage_checks(storage, settings))
        yield content_app(ContentApi(Assets(storage.records, now=_now), now=_now))


if __name__ == "__main__":
    start("content-management", opened)
