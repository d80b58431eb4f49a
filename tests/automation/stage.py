"""A stage on which services are recovered."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from anyio import create_task_group

from intertie.automation.remedy import Remedy
from intertie.plan import Snapshot, diff
from intertie.runtime.change import Change, Changes
from intertie.runtime.component import Status
from intertie.runtime.environment import Surroundings, inherited
from intertie.store.sqlite import SqliteRecords
from intertie.suite.recovery import AutomaticRecovery
from intertie.suite.service import Service
from tests.runtime.stage import Stage, staged

QUICK: Mapping[str, object] = {"cooldown": "30ms", "grace": "100ms", "stable_for": "100ms"}


@dataclass
class Ward:
    """A stage, its changes, and who recovers its services."""

    stage: Stage
    changes: Changes
    remedy: Remedy
    rule: list[AutomaticRecovery | None] = field(default_factory=list[AutomaticRecovery | None])
    """Its last item is in force."""

    async def up(self, **services: Service) -> None:
        """Have these services begun; those that fail at once are left to recovery."""
        names = {name.replace("_", "-"): spec for name, spec in services.items()}
        await self.stage.supervisor.apply(names, diff(Snapshot({}), {}))
        for name in names:
            await self.begin("start", name, actor="somebody")

    async def begin(self, verb: str, name: str, *, actor: str) -> Change:
        """A change by somebody, which has ended."""
        supervisor = self.stage.supervisor
        do = {"start": supervisor.start, "stop": supervisor.stop, "restart": supervisor.restart}

        async def work(progress: object) -> None:
            await do[verb]([name], progress)  # type: ignore[arg-type]

        change = await self.changes.begin(f"{verb} {name}", work, actor=actor)
        return await self.changes.wait(change.id)

    async def titles(self) -> list[str]:
        """Of what recovery did, oldest first."""
        found = (await self.changes.list(limit=100)).items
        return [c.title.partition(":")[0] for c in reversed(found) if c.actor == "recovery"]


def surroundings(folder: Path) -> Surroundings:
    """Those of the stage in this folder."""
    return Surroundings(
        suite="stage",
        folder=folder,
        logs=folder / "logs",
        data=folder / "data",
        sockets=folder / "run",
        env=inherited(os.environ),
        resolve=lambda text: text,
    )


@asynccontextmanager
async def recovering(folder: Path, **rule: object) -> AsyncIterator[Ward]:
    """Recovery with quick times; `rule` is the rest of `automatic_recovery`."""
    wanted: list[AutomaticRecovery | None] = [AutomaticRecovery.model_validate({**QUICK, **rule})]
    async with staged(folder) as stage, SqliteRecords.open(folder / "records.db") as records:
        changes = Changes(records, stage.hub, now=lambda: datetime.now(UTC))
        remedy = Remedy(
            stage.supervisor,
            changes,
            stage.hub,
            driver=stage.driver,
            place=surroundings(folder),
            wanted=lambda: wanted[-1],
        )
        assert remedy.health().status is Status.DOWN
        async with create_task_group() as group:
            await group.start(changes.run)
            await group.start(remedy.run)
            yield Ward(stage, changes, remedy, wanted)
            group.cancel_scope.cancel()
