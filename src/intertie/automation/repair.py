"""Repair: the doing of one step of a ladder."""

import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from anyio import CancelScope, move_on_after

from intertie.automation.ladder import Condition, Try
from intertie.automation.sight import look
from intertie.drivers import Driver, Launch
from intertie.errors import ChangeError
from intertie.plan import Action, Step
from intertie.runtime.change import Progress
from intertie.runtime.environment import Surroundings
from intertie.runtime.hooks import run_command
from intertie.runtime.hub import EventHub
from intertie.runtime.logs import Source, log_path
from intertie.runtime.supervisor import Supervisor
from intertie.suite.recovery import AutomaticRecovery, Script
from intertie.suite.service import Hook


@dataclass(slots=True)
class Interrupt:
    """Set by whoever wants a step to go no further.

    A script is ended. What was asked of the supervisor goes on: there the later will wins, and
    cancelling could undo what a person began meanwhile.
    """

    is_set: bool = False
    scope: CancelScope = field(default_factory=CancelScope)

    def set(self) -> None:
        """Do not begin anything any more."""
        self.is_set = True
        self.scope.cancel()

    def check(self, service: str) -> None:
        """Raise ChangeError once it is set."""
        if self.is_set:
            raise ChangeError(f"cannot go on recovering {service!r}: somebody else took over")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One step for one service."""

    service: str
    what: Try
    rule: AutomaticRecovery
    interrupt: Interrupt = field(default_factory=Interrupt)

    @property
    def title(self) -> str:
        """For a person."""
        what = self.what
        name = self.service
        match what.step:
            case "restart_dependency":
                told = f"restart {what.dependency}, then {name}"
            case Script():
                told = f"run {what.step.script[0]} for {name}"
            case _:
                told = f"{what.step} {name}"
        return f"{told}: {what.why} (attempt {what.attempt})"

    @property
    def steps(self) -> Sequence[Step]:
        """What is known of it before it is begun."""
        pairs: list[tuple[Action, str]]
        match self.what.step:
            case "retry":
                pairs = [("start", self.service)]
            case "restart_dependency" if self.what.dependency is not None:
                pairs = [("restart", self.what.dependency), ("restart", self.service)]
            case Script():
                pairs = [("run", self.service)]
            case _:
                pairs = [("restart", self.service)]
        return [Step(action, name, (self.what.why,)) for action, name in pairs]


class Repairs:
    """Does steps, on the real services."""

    def __init__(
        self, supervisor: Supervisor, hub: EventHub, *, driver: Driver, place: Surroundings
    ) -> None:
        self._supervisor = supervisor
        self._hub = hub
        self._driver = driver
        self._place = place

    async def do(self, repair: Repair, progress: Progress) -> None:
        """Return once the service is well. Raises ChangeError when the step did not help."""
        name, step = repair.service, repair.what.step
        match step:
            case "retry":
                await self._supervisor.start([name], progress)
            case "restart":
                await self._supervisor.restart([name], progress)
            case "restart_dependency":
                await self._restart_both(repair, progress)
            case Script():
                await self._run(repair, step, progress)
            case "alert":
                raise ValueError("an alert is not a step to do")
            case _:
                assert_never(step)
        await self._until_well(repair)

    async def _restart_both(self, repair: Repair, progress: Progress) -> None:
        if repair.what.dependency is not None:
            await self._supervisor.restart([repair.what.dependency], progress)
        repair.interrupt.check(repair.service)
        await self._supervisor.restart([repair.service], progress)

    async def _run(self, repair: Repair, script: Script, progress: Progress) -> None:
        step = repair.steps[0]
        progress(step, "doing")
        hook = Hook(command=script.script, timeout=script.timeout)
        why: str | None = "interrupted"
        with repair.interrupt.scope:
            why = await run_command(self._driver, "recovery", hook, self._launch(repair))
        progress(step, "done" if why is None else "failed", why)
        repair.interrupt.check(repair.service)
        if why is not None:
            raise ChangeError(f"cannot recover service {repair.service!r}: {why}")
        if not self._is_well(repair.service):
            await self._supervisor.restart([repair.service], progress)

    def _launch(self, repair: Repair) -> Launch:
        own = {"INTERTIE_REASON": repair.what.why, "INTERTIE_ATTEMPT": str(repair.what.attempt)}
        return launch(self._place, repair.service, own)

    async def _until_well(self, repair: Repair) -> None:
        name = repair.service
        async with self._hub.subscribe() as events:
            with move_on_after(repair.rule.grace):
                while not self._is_well(name) and not repair.interrupt.is_set:
                    await events.receive()
        repair.interrupt.check(name)
        status = self._supervisor.snapshot().services.get(name)
        if status is not None and not self._is_well(name):
            raise ChangeError(f"cannot recover service {name!r}: it is {look(status).why}")

    def _is_well(self, name: str) -> bool:
        status = self._supervisor.snapshot().services.get(name)
        return status is not None and look(status).condition is Condition.WELL


def launch(place: Surroundings, service: str, own: Mapping[str, str]) -> Launch:
    """Of a command that repairs; what it prints goes into the service's log."""
    return Launch(
        service=service,
        replica=0,
        argv=(),
        env={
            **place.env,
            "INTERTIE_SUITE": place.suite,
            "INTERTIE_DATA": str(place.data),
            "INTERTIE_SERVICE_NAME": service,
            **own,
        },
        cwd=place.folder,
        stdout=log_path(place.logs, Source(service, 0, "out")),
        stderr=log_path(place.logs, Source(service, 0, "err")),
        stop_signal=signal.SIGTERM,
        stop_grace_s=0.0,
    )
