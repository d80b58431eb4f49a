"""The daemon's end of the bus: connected for as long as the suite lives, bridged both ways."""

import logging
from collections.abc import Callable, Sequence

from anyio import current_time, sleep
from anyio.abc import TaskStatus

from intertie.bus.bridge import Bridge
from intertie.bus.client import Client, connect
from intertie.bus.schemas import Schemas
from intertie.control.commands import Commands
from intertie.errors import BusError, BusUnavailableError, StoreError
from intertie.event import Event
from intertie.runtime.component import Health, Status
from intertie.runtime.journal import Journal
from intertie.suite.bus import QueueConfig
from intertie.trace_context import Tracer

log = logging.getLogger(__name__)

READER = "bus"
_WAIT_S = 0.1
LONGEST_S = 5.0


class SuiteSide:
    """See Bridged."""

    def __init__(
        self, name: str, commands: Commands, journal: Journal, *, reader: str = READER
    ) -> None:
        """`reader` names the bridge: each of a suite's gets every event."""
        self.name = name
        self._reader = reader
        self._commands = commands
        self._journal = journal
        self._places: dict[str, int] = {}

    async def command(self, verb: str, services: Sequence[str], *, key: str) -> None:
        """See Bridged."""
        await self._commands.run(verb, services, key=key)

    async def unsent(self, limit: int) -> Sequence[Event]:
        """See Bridged. What happened before it was asked for the first time is not told."""
        self._journal.begin_reader(self._reader)
        found = await self._journal.unread(self._reader, limit)
        self._places = {event.id: seq for seq, event in found}
        return [event for _, event in found]

    async def sent(self, events: Sequence[Event]) -> None:
        """See Bridged."""
        # A second bridge of the same name may have asked in between: it tells those as well.
        known = [self._places[event.id] for event in events if event.id in self._places]
        if known:
            await self._journal.pass_on(self._reader, max(known))


class BusLink:
    """A component: connects, and connects again. `client` is there while it is connected."""

    def __init__(
        self,
        config: Callable[[], QueueConfig],
        side: SuiteSide,
        *,
        source: str,
        schemas: Callable[[], Schemas],
        obey: bool,
        tracer: Tracer | None = None,
        longest_s: float = LONGEST_S,
    ) -> None:
        """`config` is asked for each connection: it may hold secrets, which live no longer.

        The wait between two attempts grows up to `longest_s`.
        """
        self._config = config
        self._side = side
        self._source = source
        self._schemas = schemas
        self._obey = obey
        self._tracer = tracer
        self._longest_s = longest_s
        self._client: Client | None = None
        self._bridge: Bridge | None = None
        self._reason = "not connected yet"

    @property
    def connected(self) -> Client | None:
        """None while there is no connection."""
        return self._client

    @property
    def client(self) -> Client:
        """Raises BusUnavailableError while there is no connection."""
        if self._client is None:
            raise BusUnavailableError(f"cannot use the bus: {self._reason}")
        return self._client

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """See Component. The suite does not wait for its bus."""
        task_status.started()
        wait_s = _WAIT_S
        while True:
            began = current_time()
            try:
                async with connect(
                    self._config(), source=self._source, schemas=self._schemas()
                ) as client:
                    self._client = client
                    self._bridge = Bridge(client, self._side, obey=self._obey, tracer=self._tracer)
                    await self._bridge.run()
            except* (BusError, StoreError) as group:
                reason = str(_first(group))
                if reason != self._reason:
                    log.warning("bus not reached", extra={"reason": reason})
                self._reason = reason
            finally:
                self._client = self._bridge = None
            if current_time() - began > self._longest_s:
                wait_s = _WAIT_S
            await sleep(wait_s)
            wait_s = min(self._longest_s, wait_s * 2)

    def health(self) -> Health:
        """See Component."""
        if self._client is None:
            return Health(Status.DOWN, self._reason)
        if self._bridge is not None and self._bridge.trouble:
            return Health(Status.DOWN, self._bridge.trouble)
        return Health(Status.UP)


def _first(group: BaseExceptionGroup[BusError | StoreError]) -> BaseException:
    exc: BaseException = group
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc
