"""Run a service's program once, or another command in its place."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from anyio import Event

from intertie.control.actor import Actor
from intertie.control.services import Services
from intertie.drivers import Exit
from intertie.errors import ConflictError
from intertie.runtime.change import Progress
from intertie.runtime.logs import LogLine, LogReader


@dataclass(frozen=True, slots=True)
class Order:
    """What to run."""

    service: str
    command: Sequence[str] = ()
    """Empty: the service's own."""
    environment: Mapping[str, str] | None = None
    """Added to the service's."""
    alone: bool = False
    """Do not start what the service depends on."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why it did not run to its end."""

    why: str


Output = LogLine | Exit | Failure


class _Outcome:
    """What the change that runs a job tells the one who asked for it."""

    def __init__(self) -> None:
        self.over = Event()
        self.exit: Exit | None = None


@dataclass(frozen=True, slots=True)
class Jobs:
    """One-off runs; each is a change."""

    services: Services
    reader: LogReader

    @asynccontextmanager
    async def run(self, actor: Actor, order: Order) -> AsyncIterator[AsyncIterator[Output]]:
        """Its lines as they are written, then how it ended, or why it did not run to its end.

        Leaving the block before that ends the job. Raises NotFoundError.
        """
        actor.require_write()
        needs = list(self.services.get(order.service).spec.depends_on)
        supervisor = self.services.supervisor
        job = supervisor.new_job(order.service)
        outcome = _Outcome()

        async def work(progress: Progress) -> None:
            try:
                if needs and not order.alone:
                    await supervisor.start(needs, progress)
                env = order.environment or {}
                outcome.exit = await job.run(order.command, env, progress)
            finally:
                outcome.over.set()

        until = outcome.over.is_set
        # Followed before it begins, so that its first line is not taken for an old one.
        async with self.reader.follow([order.service], job.index, until=until) as lines:
            change = await self.services.changes.begin(
                f"run {order.service}", work, actor=actor.name
            )
            try:
                yield self._output(lines, outcome, change.id)
            finally:
                if not outcome.over.is_set():
                    await self._abort(actor, change.id)

    async def _output(
        self, lines: AsyncIterator[LogLine], outcome: _Outcome, change: str
    ) -> AsyncIterator[Output]:
        async for line in lines:
            yield line
        if outcome.exit is not None:
            yield outcome.exit
            return
        final = await self.services.changes.wait(change)
        yield Failure(final.error or "it was aborted")

    async def _abort(self, actor: Actor, change: str) -> None:
        try:
            await self.services.changes.abort(change, actor=actor.name)
        except ConflictError:
            return  # it ended meanwhile
