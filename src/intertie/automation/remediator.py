"""The remediator: answers alerts as the rules say, and remembers what it did."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from anyio import Event as Bell
from anyio import Lock, create_task_group, move_on_after
from anyio.abc import TaskGroup, TaskStatus

from intertie.automation.remediation import Entry, Firing, Site
from intertie.automation.remediation_ledger import RemediationLedger
from intertie.automation.remediation_plan import World, approve, decline, plan, relevant, wake_at
from intertie.errors import ConflictError, IntertieError, StoreError
from intertie.runtime.component import Health, Status
from intertie.suite.remediation import AlertRemediation, RemediationRule

log = logging.getLogger(__name__)

_UNKNOWN_S = 1.0
"""Until alerts are looked at again that nobody knows yet."""
_LONGEST_WAIT_S = 30.0
_AGAIN_S = 5.0


class Ports(Protocol):
    """What it sees, and what it acts by."""

    def config(self) -> AlertRemediation | None:
        """What the suite says now; None: nothing is to be done."""
        ...

    def alerts(self) -> Sequence[Firing] | None:
        """Those that fire; None: that is not known now."""
        ...

    async def site(self) -> Site:
        """The suite now. Raises StoreError."""
        ...

    async def begin(self, entry: Entry, rule: RemediationRule) -> str:
        """Begin to do it; the id of the change. Raises IntertieError."""
        ...

    async def finish(self, change: str, timeout_s: float) -> None:
        """Wait for its end. Raises IntertieError unless that is good."""
        ...

    async def tell(self, entry: Entry) -> None:
        """Something became of an entry. Raises IntertieError."""
        ...


class Remediator:
    """A component. An action is written down before it is begun, and again when it is over."""

    def __init__(
        self, ledger: RemediationLedger, ports: Ports, *, now: Callable[[], datetime]
    ) -> None:
        self.ledger = ledger
        self._ports = ports
        self._now = now
        self._entries: dict[int, Entry] = {}
        self._deciding = Lock()
        self._bell = Bell()
        self._group: TaskGroup | None = None

    def look_again(self) -> None:
        """An alert, a service or the suite has changed."""
        self._bell.set()

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """See Component. Raises StoreError when the ledger cannot be read."""
        async with create_task_group() as group:
            cut = await self.ledger.interrupted(self._now())
            await self.ledger.purge()
            self._entries = {each.id: each for each in await self.ledger.newest()}
            self._group = group
            try:
                for each in cut:
                    group.start_soon(self._tell, each)
                task_status.started()
                while True:
                    self._bell = Bell()
                    with move_on_after(await self._fenced_look(group)):
                        await self._bell.wait()
            finally:
                self._group = None

    def health(self) -> Health:
        """See Component. DEGRADED while a person must act."""
        if self._group is None:
            return Health(Status.DOWN, "not running")
        left = [
            f"{each.rule} of {each.service or each.alert}"
            for each in self._entries.values()
            if each.status == "given_up" and each.mode != "shadow" and each.resolved_at is None
        ]
        if left:
            return Health(Status.DEGRADED, f"remediation gave up: {', '.join(sorted(left))}")
        return Health(Status.UP)

    async def approve(self, id: int, by: str) -> Entry:
        """Do what was proposed. Raises NotFoundError, ConflictError, StoreError."""
        group, world, entry = await self._decided("approve", approve, id, by)
        self._begin(group, entry, world.config.rules[entry.rule])
        return entry

    async def decline(self, id: int, by: str) -> Entry:
        """Do not do what was proposed. Raises NotFoundError, ConflictError, StoreError."""
        group, _, entry = await self._decided("decline", decline, id, by)
        group.start_soon(self._tell, entry)
        return entry

    async def _decided(
        self, verb: str, decide: Callable[[World, int, str], Entry], id: int, by: str
    ) -> tuple[TaskGroup, World, Entry]:
        group = self._group
        if group is None:
            raise ConflictError(f"cannot {verb} {id}: remediation does not run")
        async with self._deciding:
            world = await self._world()
            if world is None:
                raise ConflictError(f"cannot {verb} {id}: nobody knows which alerts fire now")
            entry = decide(await self._with(world, id), id, by)
            await self._keep([entry])
        return group, world, entry

    async def _with(self, world: World, id: int) -> World:
        """With an old entry as well, so that it can be told what became of it."""
        if any(each.id == id for each in world.entries):
            return world
        old = [each for each in await self.ledger.newest() if each.id == id]
        return replace(world, entries=[*old, *world.entries])

    async def _fenced_look(self, group: TaskGroup) -> float:
        try:
            return await self._look(group)
        except IntertieError as exc:
            log.error("alerts not answered", extra={"reason": str(exc)})
            return _AGAIN_S

    async def _look(self, group: TaskGroup) -> float:
        """Answer what is to be answered; the seconds until time alone may change that."""
        async with self._deciding:
            world = await self._world()
            if world is None:
                return _UNKNOWN_S if self._ports.config() else _LONGEST_WAIT_S
            before = {each.id: each.status for each in world.entries}
            kept = await self._keep(plan(world))
            after = replace(world, entries=tuple(self._entries.values()))
            self._entries = {each.id: each for each in relevant(after)}
        for each in kept:
            if each.status == "doing":
                self._begin(group, each, world.config.rules[each.rule])
            elif before.get(each.id) != each.status:
                group.start_soon(self._tell, each)
        wake = wake_at(replace(world, entries=tuple(self._entries.values())))
        seconds = (wake - self._now()).total_seconds() if wake else _LONGEST_WAIT_S
        return min(max(seconds, 0.0), _LONGEST_WAIT_S)

    async def _world(self) -> World | None:
        config, firing = self._ports.config(), self._ports.alerts()
        if config is None or firing is None:
            return None
        site = await self._ports.site()
        return World(config, firing, tuple(self._entries.values()), site, self._now())

    async def _keep(self, entries: Sequence[Entry]) -> Sequence[Entry]:
        kept = await self.ledger.write(entries)
        self._entries |= {each.id: each for each in kept}
        return kept

    def _begin(self, group: TaskGroup, entry: Entry, rule: RemediationRule) -> None:
        group.start_soon(self._act, entry, rule)

    async def _act(self, entry: Entry, rule: RemediationRule) -> None:
        await self._tell(entry)
        try:
            entry = replace(entry, change=await self._ports.begin(entry, rule))
            await self._update(entry)
            await self._ports.finish(entry.change, rule.timeout)
        except IntertieError as exc:
            ended = replace(entry, status="failed", why=str(exc), ended_at=self._now())
        else:
            deadline = self._now() + timedelta(seconds=rule.wait)
            ended = replace(entry, status="waiting", deadline=deadline)
        await self._update(ended)
        await self._tell(ended)
        self.look_again()

    async def _update(self, entry: Entry) -> None:
        """What was done is known here also when it cannot be written: it is not done again."""
        self._entries[entry.id] = entry
        try:
            await self.ledger.write([entry])
        except StoreError as exc:
            log.error("remediation not written down", extra={"id": entry.id, "reason": str(exc)})

    async def _tell(self, entry: Entry) -> None:
        try:
            await self._ports.tell(entry)
        except IntertieError as exc:
            log.error("remediation not told", extra={"id": entry.id, "reason": str(exc)})
