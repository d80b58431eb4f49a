"""Look at the terminals of services, and type into them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from intertie.control.actor import Actor
from intertie.runtime.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class Terminals:
    """Each raises NotFoundError for a replica without a terminal.

    Looking needs the right to write, as typing does: a terminal shows what was typed.
    """

    supervisor: Supervisor

    def require(self, actor: Actor, name: str, index: int) -> None:
        """Raise unless the terminal is there, and the actor may have it."""
        actor.require_write()
        self.supervisor.terminal(name, index)

    @asynccontextmanager
    async def attach(
        self, actor: Actor, name: str, index: int
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The last 64 KiB it showed, and what follows, until the process ends."""
        actor.require_write()
        with self.supervisor.terminal(name, index).attach() as viewer:
            yield viewer

    async def write(self, actor: Actor, name: str, index: int, data: bytes) -> None:
        """Type. Raises DriverError when the program does not read."""
        actor.require_write()
        await self.supervisor.terminal(name, index).write(data)

    def resize(self, actor: Actor, name: str, index: int, *, rows: int, columns: int) -> None:
        """Give it another size."""
        actor.require_write()
        self.supervisor.terminal(name, index).resize(rows, columns)
