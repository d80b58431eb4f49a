"""The bridge: commands from the bus to a suite, and the suite's events to the bus.

A command with an idempotency key is done once and gets one answer, however often it is sent, and
whoever dies in between. An event is on the bus once: it is stored before it is sent, sent under its
own id, and struck off when the broker has confirmed it.
"""

import logging
from collections.abc import Sequence
from typing import Protocol

from anyio import TASK_STATUS_IGNORED, create_task_group
from anyio.abc import TaskStatus
from pydantic import ValidationError

from intertie.bus.client import Client
from intertie.bus.integration import MessageQueueIntegration
from intertie.bus.outcome import Reject
from intertie.bus.port import Subscription
from intertie.errors import BusError, BusUnavailableError
from intertie.event import ControlCommand, Event
from intertie.trace_context import Tracer

log = logging.getLogger(__name__)

COMMANDS = "suite.control.*"
VERBS = ("start", "stop", "restart")
_AT_ONCE = 100
_LONGEST_KEY = 1_000


class Bridged(Protocol):
    """A suite, as the bridge needs it."""

    @property
    def name(self) -> str:
        """The suite's."""
        ...

    async def command(self, verb: str, services: Sequence[str], *, key: str) -> None:
        """Do it unless one with this key was done, and have exactly one answer among the events."""
        ...

    async def unsent(self, limit: int) -> Sequence[Event]:
        """The oldest events not yet struck off; waits until there is one."""
        ...

    async def sent(self, events: Sequence[Event]) -> None:
        """Strike them off."""
        ...


class Bridge:
    """As a component: lives until cancelled."""

    def __init__(
        self, client: Client, suite: Bridged, *, obey: bool = True, tracer: Tracer | None = None
    ) -> None:
        """Without `obey`, only events go out."""
        self._client = client
        self._suite = suite
        self._obey = obey
        self._tracer = tracer or Tracer()
        # Where there are no groups, commands reach the suite while it listens.
        group = f"intertie-{suite.name}".replace(".", "-")
        mine = group if client.bus.capabilities.groups else None
        self._commands = client.consumer(Subscription(COMMANDS, mine), self._command, concurrency=8)
        self._unsent_for = ""

    @property
    def trouble(self) -> str:
        """Why nothing goes in or out just now; empty when it does."""
        if self._obey and not self._commands.connected:
            return self._commands.reason
        return self._unsent_for

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Returns never; raises BusError for what no waiting can mend."""
        async with create_task_group() as group:
            if self._obey:
                await group.start(self._commands.run)
            group.start_soon(self._tell)
            task_status.started()

    async def _tell(self) -> None:
        while True:
            events = await self._suite.unsent(_AT_ONCE)
            for event in events:
                await self._send(event)
                await self._suite.sent([event])

    async def _send(self, event: Event) -> None:
        """Until it is there: an event is not given up because the broker is away."""
        while True:
            try:
                await self._client.send(event, key=event.subject or None)
            except BusUnavailableError as exc:
                self._unsent_for = str(exc)
                log.warning("events wait for the bus", extra={"reason": str(exc)})
            except BusError as exc:
                log.error("event not sent", extra={"type": event.type, "reason": str(exc)})
                return
            else:
                self._unsent_for = ""
                return

    async def _command(self, event: Event) -> None:
        verb = event.type.rpartition(".")[2]
        if verb not in VERBS:
            return  # an answer: ours
        try:
            command = ControlCommand.model_validate(event.data)
        except ValidationError as exc:
            first = exc.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise Reject(f"cannot {verb}: {where}: {first['msg']}") from exc
        key = command.idempotency_key or event.id
        if len(key) > _LONGEST_KEY:
            raise Reject(f"cannot {verb}: its key has more than {_LONGEST_KEY} characters")
        fields = {"messaging.destination.name": event.type, "messaging.message.id": event.id}
        context = self._tracer.follow(event.traceparent)
        with self._tracer.within(context, f"process {event.type}", "consumer", fields):
            await self._suite.command(verb, command.services, key=key)


class Orchestrator(Protocol):
    """What OrchestratorQueueBridge connects: `intertie.SuiteOrchestrator` is one."""

    async def open(self) -> None:
        """Run it in the background of this event loop, unless it runs."""
        ...

    @property
    def bridged(self) -> Bridged:
        """Its side of the bridge, once it runs."""
        ...


class OrchestratorQueueBridge:
    """Puts a suite that runs in this program on a bus."""

    def __init__(self, orchestrator: Orchestrator, queue: MessageQueueIntegration) -> None:
        self._orchestrator = orchestrator
        self._queue = queue

    async def setup(self) -> None:
        """Start the suite's orchestrator and connect, where that is not done, and bridge the two.

        From then on `suite.control.start|stop|restart` are obeyed, and events published, until the
        queue is closed. Services themselves start when told.
        """
        await self._orchestrator.open()
        await self._queue.connect()
        bridge = Bridge(self._queue.client, self._orchestrator.bridged)
        await self._queue.run(bridge.run)
