"""One moment for several sources: services stand still while snapshots are taken.

They go on when all are taken, or when the limit is reached, whichever comes first; what is taken
after that is not of the same moment, and is told as such.
"""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

from anyio import TASK_STATUS_IGNORED, Event, create_task_group, move_on_after
from anyio.abc import TaskStatus
from pydantic import BaseModel, ConfigDict

from intertie.errors import IntertieError

Hold = Callable[[], AbstractAsyncContextManager[tuple[str, ...]]]
"""Makes services stand still, and go on at its end whatever happens; gives their names."""


class Barrier(BaseModel):
    """How it went; it is kept in the backup."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    services: tuple[str, ...]
    """Those that stood still."""
    took_s: float
    """For how long."""
    partial: bool
    """Services went on before all snapshots were taken."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known of the backup."""
        if not self.partial:
            return ()
        return (f"partial: services went on after {self.took_s:.1f} s, before all was taken",)


@dataclass(slots=True)
class Held:
    """What is known once services go on; None where none stood still."""

    result: Barrier | None = None


@asynccontextmanager
async def barrier(
    hold: Hold | None, limit_s: float, clock_s: Callable[[], float] = time.monotonic
) -> AsyncIterator[Held]:
    """Services stand still inside, at most for `limit_s` seconds. Raises what `hold` raises."""
    held = Held()
    if hold is None:
        yield held
        return
    taken, watch = Event(), _Watch(hold, limit_s, clock_s, held)
    failed: list[IntertieError] = []
    async with create_task_group() as group:
        try:
            await group.start(watch.run, taken)
            yield held
        except IntertieError as exc:  # as itself, not in a group
            failed.append(exc)
        finally:
            taken.set()
    if failed:
        raise failed[0]


@dataclass(frozen=True, slots=True)
class _Watch:
    hold: Hold
    limit_s: float
    clock_s: Callable[[], float]
    held: Held

    async def run(
        self, taken: Event, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED
    ) -> None:
        """Cancelled, it lets services go on too."""
        began_s = self.clock_s()
        async with self.hold() as services:
            task_status.started()
            with move_on_after(self.limit_s):
                await taken.wait()
        self.held.result = Barrier(
            id=uuid4().hex,
            services=services,
            took_s=self.clock_s() - began_s,
            partial=not taken.is_set(),
        )
