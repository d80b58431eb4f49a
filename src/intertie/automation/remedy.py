"""Remedy: makes services well that their restart policy gave up on, or that stay unwell."""

import logging
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar, assert_never

from anyio import Event as Bell
from anyio import create_task_group, current_time, move_on_after
from anyio.abc import TaskGroup, TaskStatus

from intertie.automation.ladder import (
    Abort,
    Alert,
    Command,
    Condition,
    Ended,
    Input,
    Ladder,
    Phase,
    Recovered,
    Released,
    Seen,
    Taken,
    Tick,
    Try,
)
from intertie.automation.repair import Interrupt, Repair, Repairs
from intertie.automation.sight import look, see
from intertie.drivers import Driver
from intertie.errors import IntertieError, StoreError
from intertie.event import (
    ChangeProgressed,
    HealthChanged,
    Payload,
    ServiceFailed,
    ServiceStarted,
    ServiceStopped,
)
from intertie.plan import Snapshot
from intertie.runtime import autoscale, cascade
from intertie.runtime.change import Change, Changes, Progress
from intertie.runtime.component import Health, Status
from intertie.runtime.environment import Surroundings
from intertie.runtime.hub import EventHub
from intertie.runtime.supervisor import Supervisor
from intertie.suite.recovery import AutomaticRecovery

log = logging.getLogger(__name__)

ACTOR = "recovery"
_MACHINES = frozenset({ACTOR, cascade.ACTOR, autoscale.ACTOR})
_TELLING = frozenset(
    kind.type for kind in (HealthChanged, ServiceFailed, ServiceStarted, ServiceStopped)
)


class RecoveryAlert(Payload):
    """Recovery gave a service up: a person must act."""

    type: ClassVar[str] = "suite.recovery_alert"
    service: str
    reason: str
    """Why it is not well."""
    attempts: int
    """Steps that did not help."""


class ServiceRecovered(Payload):
    """A service is well again, and was so for long enough to believe it."""

    type: ClassVar[str] = "suite.recovered"
    service: str
    attempts: int
    """Steps that were taken."""


@dataclass(slots=True)
class _Patient:
    """A service, its ladder, and what is being done for it."""

    name: str
    ladder: Ladder
    is_well: bool = True
    interrupt: Interrupt | None = None
    """Of the step that is being done."""


@dataclass(slots=True)
class _People:
    """Which services people are changing now, by change."""

    services: dict[str, set[str]] = field(default_factory=dict[str, set[str]])

    def note(self, change: Change) -> None:
        """A change as it is now; those of our own machinery do not matter."""
        if change.status == "doing" and change.actor not in _MACHINES:
            self.services[change.id] = {step.service for step in change.steps}
        else:
            self.services.pop(change.id, None)

    def have(self, service: str) -> bool:
        """Whether anybody is changing it."""
        return any(service in names for names in self.services.values())


class Remedy:
    """A component that climbs a ladder of steps for each service that is not well.

    Each step is a change. It looks at services when something is told of them, and at no other
    time. What people do has precedence: while one changes a service it is left alone, and a
    service that was stopped on request stays stopped.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        changes: Changes,
        hub: EventHub,
        *,
        driver: Driver,
        place: Surroundings,
        wanted: Callable[[], AutomaticRecovery | None],
    ) -> None:
        """`wanted` is asked again and again: what the suite file says now; see `renew`."""
        self._supervisor = supervisor
        self._changes = changes
        self._hub = hub
        self._repairs = Repairs(supervisor, hub, driver=driver, place=place)
        self._wanted = wanted
        self._patients: dict[str, _Patient] = {}
        self._people = _People()
        self._to_see: set[str] = set()
        self._bell = Bell()
        self._group: TaskGroup | None = None

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """See Component."""
        async with create_task_group() as group:
            self._group = group
            try:
                await group.start(self._listen)
                task_status.started()
                while True:
                    self._bell = Bell()
                    with move_on_after(self._round(group)):
                        await self._bell.wait()
            finally:
                self._group = None

    def health(self) -> Health:
        """See Component. DEGRADED while a person must act."""
        if self._group is None:
            return Health(Status.DOWN, "not running")
        left = [n for n, p in self._patients.items() if p.ladder.phase is Phase.GIVEN_UP]
        if left:
            return Health(Status.DEGRADED, f"recovery gave up: {', '.join(sorted(left))}")
        return Health(Status.UP)

    def renew(self) -> None:
        """The suite changed: look at all services again."""
        self._look_at([*self._supervisor.snapshot().services, *self._patients])

    def _look_at(self, names: Iterable[str]) -> None:
        self._to_see.update(names)
        self._bell.set()

    async def _listen(self, *, task_status: TaskStatus[None]) -> None:
        is_first = True
        while True:  # again, when so much happened at once that we were cut off
            async with self._hub.subscribe() as events:
                await self._catch_up()
                if is_first:
                    task_status.started()
                is_first = False
                async for event in events:
                    if event.type in _TELLING:
                        self._look_at([event.subject])
                    elif event.type == ChangeProgressed.type:
                        await self._hear_of_change(event.subject)

    async def _catch_up(self) -> None:
        self._people.services.clear()
        try:
            for change in (await self._changes.list()).items:
                self._people.note(change)
        except StoreError as exc:
            log.warning("changes not known to recovery", extra={"why": str(exc)})
        self.renew()

    async def _hear_of_change(self, id: str) -> None:
        before = self._people.services.get(id, set())
        try:
            self._people.note(await self._changes.get(id))
        except StoreError:
            self._people.services.pop(id, None)
        self._look_at(before | self._people.services.get(id, set()))

    def _round(self, group: TaskGroup) -> float:
        """Look at whoever needs it; the seconds until the next look."""
        now = current_time()
        names = self._to_see | {n for n, p in self._patients.items() if not p.is_well}
        self._to_see = set()
        if names:
            snapshot, rule = self._supervisor.snapshot(), self._wanted()
            for name in sorted(names):
                self._see_to(group, snapshot, name, rule)
        for patient in self._patients.values():
            if patient.ladder.wake_at is not None and patient.ladder.wake_at <= now:
                self._feed(group, patient, Tick())
        return max(0.0, min(map(_wake_at, self._patients.values()), default=math.inf) - now)

    def _see_to(
        self, group: TaskGroup, snapshot: Snapshot, name: str, rule: AutomaticRecovery | None
    ) -> None:
        patient = self._patients.get(name)
        is_ours = rule is not None and rule.covers(name) and name in snapshot.services
        if patient is None:
            if rule is None or not is_ours:
                return
            patient = self._patients[name] = _Patient(name, Ladder(rule))
        if rule is not None:
            patient.ladder.rule = rule
        is_held = patient.ladder.phase is Phase.HELD
        if not is_ours or self._people.have(name):
            self._feed(group, patient, Taken())
            patient.is_well = True
        else:
            if is_held:
                self._feed(group, patient, Released())
            seen = self._see(snapshot, patient)
            patient.is_well = seen.condition is Condition.WELL
            self._feed(group, patient, seen)
        if name not in snapshot.services:
            del self._patients[name]

    def _see(self, snapshot: Snapshot, patient: _Patient) -> Seen:
        if patient.interrupt is not None and patient.ladder.phase is not Phase.DOING:
            return Seen(Condition.COMING, "a step that was interrupted is not over yet")
        return see(snapshot, patient.name, is_in_care=self._is_in_care)

    def _is_in_care(self, name: str) -> bool:
        patient = self._patients.get(name)
        return patient is not None and patient.ladder.is_open

    def _feed(self, group: TaskGroup, patient: _Patient, event: Input) -> None:
        was_open = patient.ladder.is_open
        for command in patient.ladder.feed(event, current_time()):
            self._obey(group, patient, command)
        if patient.ladder.is_open != was_open:
            self._bell.set()  # others may have waited for this

    def _obey(self, group: TaskGroup, patient: _Patient, command: Command) -> None:
        match command:
            case Try():
                repair = Repair(service=patient.name, what=command, rule=patient.ladder.rule)
                patient.interrupt = repair.interrupt
                group.start_soon(self._do, group, patient, repair)
            case Abort():
                if patient.interrupt is not None:
                    patient.interrupt.set()
            case Alert():
                group.start_soon(self._alert, patient.name, command)
            case Recovered():
                payload = ServiceRecovered(service=patient.name, attempts=command.attempts)
                self._hub.publish(payload, patient.name)
            case _:
                assert_never(command)

    async def _do(self, group: TaskGroup, patient: _Patient, repair: Repair) -> None:
        async def work(progress: Progress) -> None:
            await self._repairs.do(repair, progress)

        is_aborted = False
        try:
            begun = await self._changes.begin(repair.title, work, actor=ACTOR, steps=repair.steps)
            is_aborted = (await self._changes.wait(begun.id)).status == "aborted"
        except IntertieError as exc:
            fields = {"service": patient.name, "why": str(exc)}
            log.warning("recovery step not done", extra=fields)
        patient.interrupt = None
        if not repair.interrupt.is_set:
            status = self._supervisor.snapshot().services.get(patient.name)
            if status is not None:
                self._feed(group, patient, look(status))
            self._feed(group, patient, Ended(by_person=is_aborted))
        self._look_at([patient.name])

    async def _alert(self, name: str, alert: Alert) -> None:
        payload = RecoveryAlert(service=name, reason=alert.why, attempts=alert.attempts)

        async def work(_: Progress) -> None:
            self._hub.publish(payload, name)

        title = f"alert: {name} is not well after {alert.attempts} attempts: {alert.why}"
        try:
            await self._changes.begin(title, work, actor=ACTOR)
        except IntertieError as exc:  # whoever must act has to hear of it all the same
            log.warning("alert not recorded", extra={"service": name, "why": str(exc)})
            self._hub.publish(payload, name)


def _wake_at(patient: _Patient) -> float:
    ladder = patient.ladder
    if ladder.wake_at is not None:
        return ladder.wake_at
    # Not every turn of a service is an event: what is in care is looked at now and then.
    is_waited_for = ladder.is_open and not patient.is_well
    return current_time() + ladder.rule.grace if is_waited_for else math.inf
