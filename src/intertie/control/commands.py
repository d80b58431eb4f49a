"""Commands that come over the bus: done once, answered once, whatever is sent or dies twice."""

import hashlib
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from anyio import Event as Bell

from intertie.control.actor import Actor
from intertie.control.services import Services
from intertie.errors import ConflictError, IntertieError, NotFoundError
from intertie.event import ControlAnswered
from intertie.runtime.change import Changes
from intertie.runtime.hub import EventHub
from intertie.store import Records

log = logging.getLogger(__name__)

COLLECTION = "bus-commands"
_ACTOR = Actor("bus", may_read=True, may_write=True)
_MOST_SERVICES = 1_000
_LONGEST_NAME = 100
_LONGEST_ERROR = 2_000


@dataclass(frozen=True, slots=True)
class Commands:
    """`suite.control.start`, `.stop` and `.restart`."""

    services: Services
    changes: Changes
    records: Records
    hub: EventHub
    now: Callable[[], datetime]
    suite: str = ""
    """Several may be on one bus, and each answers for itself."""
    spared: Collection[str] = ()
    """Services that `all` does not mean: the bus, without which nobody could say `start` again."""
    begun: dict[str, str] = field(default_factory=dict)
    """Changes by command: one that is sent again finds the change that was begun for it."""
    doing: dict[str, Bell] = field(default_factory=dict)

    async def run(self, verb: str, names: Sequence[str], *, key: str) -> ControlAnswered:
        """Do it unless a command with this key was done; its one answer, which is an event too."""
        id = hashlib.sha256(f"{self.suite}/{key}".encode()).hexdigest()[:32]
        while (doing := self.doing.get(id)) is not None:
            await doing.wait()
        self.doing[id] = Bell()
        try:
            answer = await self._stored(id) or await self._do(id, verb, names, key)
        finally:
            self.doing.pop(id).set()
        # Again, too, when it was answered before: the daemon may have died between the two.
        self.hub.publish(answer, answer.command, id=f"answer-{id}")
        return answer

    async def _do(self, id: str, verb: str, names: Sequence[str], key: str) -> ControlAnswered:
        began = self.now()
        change: str | None = None
        error: str | None = None
        status = "refused"
        try:
            change = self.begun.get(id) or await self._begin(verb, names)
            self.begun[id] = change
            final = await self.changes.wait(change)
            status = "done" if final.status == "done" else "failed"
            error = final.error
        except IntertieError as exc:
            error = str(exc)
        self.begun.pop(id, None)
        answer = ControlAnswered.model_validate(
            {
                "command": verb,
                "idempotency_key": key,
                "status": status,
                "services": tuple(name[:_LONGEST_NAME] for name in names[:_MOST_SERVICES]),
                "change": change,
                "took_s": (self.now() - began).total_seconds(),
                "error": error and error[:_LONGEST_ERROR],
            }
        )
        try:
            await self.records.put(COLLECTION, id, answer.model_dump(mode="json"), expect=0)
        except ConflictError:
            return await self._stored(id) or answer
        return answer

    async def _begin(self, verb: str, names: Sequence[str]) -> str:
        if len(names) > _MOST_SERVICES:
            raise IntertieError(f"cannot {verb} more than {_MOST_SERVICES} services at once")
        every = [each.name for each in self.services.list()]
        chosen = list(names) or [name for name in every if name not in self.spared]
        act = {
            "start": self.services.start,
            "stop": self.services.stop,
            "restart": self.services.restart,
        }[verb]
        return await act(_ACTOR, chosen)

    async def _stored(self, id: str) -> ControlAnswered | None:
        try:
            found = await self.records.get(COLLECTION, id)
        except NotFoundError:
            return None
        return ControlAnswered.model_validate(found.document)
