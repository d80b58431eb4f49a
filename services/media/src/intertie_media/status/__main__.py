"""Runs the status checker: `python -m intertie_media.status`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.types import ASGIApp

from intertie.service import Service
from intertie_media.serve import start
from intertie_media.settings import Settings
from intertie_media.status.app import StatusApi, status_app


@asynccontextmanager
async def opened(settings: Settings, _: Service) -> AsyncIterator[ASGIApp]:
    """The application, while it may ask the others."""
    others = {name: url for name, url in settings.urls.items() if name != settings.service}
    async with httpx.AsyncClient(trust_env=False) as client:
        yield status_app(StatusApi(client, others))


if __name__ == "__main__":
    # Its health is that of the whole suite.
    start("status-checker", opened, own_pages=["/health"])
