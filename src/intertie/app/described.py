"""Keeps the gateway's OpenAPI document beside the door, for the portal."""

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from anyio import TASK_STATUS_IGNORED, EndOfStream, move_on_after, to_thread
from anyio.abc import TaskStatus

from intertie.control.openapi import Imports, export
from intertie.errors import IntertieError
from intertie.event import GatewayApplied, HealthChanged, ServiceStarted
from intertie.runtime.component import Health, Status
from intertie.runtime.hub import EventHub

DOCUMENT = "openapi.json"
_QUIET_S = 1.0
_MOVES = frozenset(event.type for event in (GatewayApplied, HealthChanged, ServiceStarted))

log = logging.getLogger(__name__)


class Described:
    """A component: writes `folder/openapi.json` anew when routes or services have moved."""

    def __init__(
        self,
        imports: Callable[[], Imports],
        addresses: Callable[[], Mapping[str, str]],
        *,
        server: str,
        folder: Path,
        hub: EventHub,
    ) -> None:
        self._imports = imports
        self._addresses = addresses
        self._server = server
        self._file = folder / DOCUMENT
        self._hub = hub
        self._written = ""

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See Component."""
        task_status.started()
        while True:
            async with self._hub.subscribe() as events:
                await self._write()
                try:
                    while True:
                        if (await events.receive()).type not in _MOVES:
                            continue
                        # What comes together is one look.
                        with move_on_after(_QUIET_S):
                            while True:
                                await events.receive()
                        await self._write()
                except EndOfStream:
                    pass

    def health(self) -> Health:
        """See Component."""
        return Health(Status.UP)

    async def _write(self) -> None:
        try:
            found = await export(self._imports(), self._server, self._addresses())
        except IntertieError as exc:
            log.warning("gateway not described", extra={"why": str(exc)})
            return
        text = json.dumps(found.document)
        if text != self._written:
            await to_thread.run_sync(self._replace, text)
            self._written = text

    def _replace(self, text: str) -> None:
        part = self._file.with_suffix(".part")
        part.write_text(text)
        part.replace(self._file)
