"""A supervisor with everything around it, in a folder of its own, that leaves nothing behind."""

import os
import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from anyio import create_task_group, fail_after
from anyio.streams.memory import MemoryObjectReceiveStream

from intertie.drivers.process import ProcessDriver
from intertie.event import Event, Payload
from intertie.plan import Replica, Snapshot, diff
from intertie.runtime.environment import Surroundings, inherited
from intertie.runtime.hub import EventHub
from intertie.runtime.ledger import Ledger
from intertie.runtime.logs import LogReader
from intertie.runtime.run import BeforeStop
from intertie.runtime.supervisor import Supervisor
from intertie.suite.service import Service

FOREVER = "sleep 1000"
INSTANCE = "stage"


def chance(seed: int) -> random.Random:
    """The same in every run."""
    return random.Random(seed)  # noqa: S311


def service(command: str | Sequence[str] = FOREVER, /, **keys: object) -> Service:
    """A service as a suite file would have it; stops are quick unless it says otherwise."""
    return Service.model_validate({"command": command, "stop_grace_period": "5s", **keys})


def shell(script: str, /, **keys: object) -> Service:
    """A service that is a shell script."""
    return service(["/bin/sh", "-c", script], **keys)


@dataclass
class Stage:
    """What a test works with."""

    folder: Path
    driver: ProcessDriver
    hub: EventHub
    ledger: Ledger
    supervisor: Supervisor
    logs: LogReader
    events: MemoryObjectReceiveStream[Event]
    seen: list[Event] = field(default_factory=list)

    async def run(self, **services: Service) -> None:
        """Have exactly these services, started."""
        wanted: Mapping[str, Service] = {n.replace("_", "-"): s for n, s in services.items()}
        await self.supervisor.apply(wanted, diff(self.supervisor.snapshot(), wanted))

    async def know(self, **services: Service) -> None:
        """Have these services, stopped."""
        await self.supervisor.apply(services, diff(Snapshot({}), {}))

    def replica(self, name: str, index: int = 0) -> Replica:
        """As the snapshot shows it."""
        return self.supervisor.snapshot().services[name].replicas[index]

    def pid(self, name: str, index: int = 0) -> int:
        """Of the replica's process, which must be there."""
        pid = self.replica(name, index).pid
        assert pid is not None
        return pid

    async def next(self, kind: type[Payload], name: str | None = None) -> Event:
        """The next event of this kind, of this service."""
        with fail_after(20):
            async for event in self.events:
                self.seen.append(event)
                if event.type == kind.type and name in {None, event.data.get("service")}:
                    return event
        raise AssertionError("the events ended")

    def drain(self) -> None:
        """Move what was published into `seen`."""
        while self.events.statistics().current_buffer_used:
            self.seen.append(self.events.receive_nowait())

    def subjects(self, kind: type[Payload]) -> list[str]:
        """Of all events of this kind so far."""
        if self.events.statistics().open_receive_streams:
            self.drain()
        return [event.subject for event in self.seen if event.type == kind.type]

    async def text(self, name: str, index: int = 0) -> list[str]:
        """The lines a replica wrote."""
        return [line.text for line in await self.logs.tail(name, index)]


@asynccontextmanager
async def staged(
    folder: Path, *, before_stop: BeforeStop | None = None, rng: random.Random | None = None
) -> AsyncIterator[Stage]:
    """Everything runs inside the block; after it, no process is left."""
    hub = EventHub("stage", now=lambda: datetime.now(UTC))
    driver = ProcessDriver(INSTANCE + str(folder))
    ledger = Ledger(folder / "ledger")
    logs = folder / "logs"
    supervisor = Supervisor(
        driver,
        hub,
        ledger=ledger,
        surroundings=Surroundings(
            suite="stage",
            folder=folder,
            logs=logs,
            data=folder / "data",
            sockets=folder / "run",
            env=inherited(os.environ),
            resolve=lambda text: text.replace("${secret:pw}", "hidden"),
        ),
        before_stop=before_stop,
        rng=rng,
    )

    def has_ended(name: str, index: int) -> bool:
        return not supervisor.has_process(name, index)

    reader = LogReader(logs, ended=has_ended)
    async with hub.subscribe() as events:
        stage = Stage(folder, driver, hub, ledger, supervisor, reader, events)
        async with create_task_group() as group:
            await group.start(driver.run)
            await group.start(supervisor.run)
            yield stage
            group.cancel_scope.cancel()
        stage.drain()
    assert ledger.entries() == []
    assert await driver.sweep(()) == 0, "processes were left behind"
