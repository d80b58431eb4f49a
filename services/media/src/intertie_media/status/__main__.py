"""Runs the status checker: `python -m intertie_media.status`."""

import httpx

from intertie_media.serve import serve, start
from intertie_media.settings import Settings
from intertie_media.status.app import StatusApi, status_app


async def main(settings: Settings) -> None:
    """Serve until told to stop."""
    others = {name: url for name, url in settings.urls.items() if name != settings.service}
    async with httpx.AsyncClient(trust_env=False) as client:
        await serve(status_app(StatusApi(client, others)), settings)


if __name__ == "__main__":
    start("status-checker", main)
