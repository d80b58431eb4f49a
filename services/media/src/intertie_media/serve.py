"""Runs one service of the suite on the service kit."""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import NoReturn

from starlette.types import ASGIApp, Receive, Scope, Send

from intertie.errors import IntertieError
from intertie.service import Service
from intertie_media.settings import Settings

log = logging.getLogger(__name__)

EXIT_FAILED = 1

Open = Callable[[Settings, Service], AbstractAsyncContextManager[ASGIApp]]
"""What a service is: its application, open for as long as the context is."""


class Opened:
    """An application that is made when the server starts, and closed when it ends."""

    def __init__(self, opening: AbstractAsyncContextManager[ASGIApp]) -> None:
        self._opening = opening
        self._app: ASGIApp | None = None
        self.failed = False
        """Whether what goes on beside the application came to an end of its own."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        if self._app is None:
            raise RuntimeError("cannot answer: the server ran no lifespan")
        await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self._opening as self._app:
                await send({"type": "lifespan.startup.complete"})
                await self._until_told(receive)
        except IntertieError as exc:
            if self.failed:
                raise
            log.error("cannot run", extra={"error": str(exc)})
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        await send({"type": "lifespan.shutdown.complete"})

    async def _until_told(self, receive: Receive) -> None:
        """A server goes on when its lifespan fails: it must not, with half of the service dead."""
        self.failed = True
        try:
            await receive()
            self.failed = False
        finally:
            if self.failed:
                signal.raise_signal(signal.SIGTERM)


def start(name: str, open_app: Open, *, own_pages: Collection[str] = ()) -> None:
    """Run a service until a signal; a fault of the settings or the start is one line and exit 1."""
    environ = {**os.environ}
    try:
        settings = Settings.read(name, environ)
        service = Service(name, environ={**environ, "PORT": str(settings.port)})
    except IntertieError as exc:
        _cannot(name, exc)
    opened = Opened(open_app(settings, service))
    service.run(service.wrap(opened, own_pages=own_pages))
    if opened.failed:
        sys.exit(EXIT_FAILED)


def _cannot(name: str, exc: IntertieError) -> NoReturn:
    """Before there is a log."""
    at = datetime.now(UTC).isoformat()
    line = {"timestamp": at, "level": "error", "service": name, "event": "cannot run"}
    sys.stdout.write(json.dumps({**line, "error": str(exc)}) + "\n")
    sys.exit(EXIT_FAILED)
