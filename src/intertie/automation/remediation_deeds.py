"""The doing of what a rule of remediation says, as a change of the suite."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from anyio import move_on_after

from intertie.automation.remediation import Entry
from intertie.automation.repair import launch
from intertie.drivers import Driver
from intertie.errors import ChangeError, ConflictError
from intertie.plan import Action as Verb
from intertie.plan import Step
from intertie.runtime.change import Changes, Progress
from intertie.runtime.environment import Surroundings
from intertie.runtime.hooks import run_command
from intertie.runtime.supervisor import Supervisor
from intertie.suite.remediation import Deed, RemediationRule, ScaleOut
from intertie.suite.service import Hook

ACTOR = "remediation"


@dataclass(frozen=True, slots=True)
class Deeds:
    """Acts on the real services."""

    supervisor: Supervisor
    changes: Changes
    driver: Driver
    place: Callable[[], Surroundings]
    run_task: Callable[[str], Awaitable[None]]
    """Runs a task to its end; raises IntertieError where that is not good."""

    async def begin(self, entry: Entry, rule: RemediationRule) -> str:
        """The id of the change that does it. Raises ChangeError, StoreError."""

        async def work(progress: Progress) -> None:
            await self._do(entry, rule, progress)

        change = await self.changes.begin(
            title(entry), work, actor=ACTOR, steps=_steps(entry, rule)
        )
        return change.id

    async def finish(self, change: str, timeout_s: float) -> None:
        """Wait for its end. Raises ChangeError unless that is good."""
        with move_on_after(timeout_s):
            ended = await self.changes.wait(change)
            if ended.status != "done":
                raise ChangeError(ended.error or f"the change was {ended.status}")
            return
        try:
            await self.changes.abort(change, actor=ACTOR)
        except ConflictError:
            return  # it came to its end meanwhile
        raise ChangeError(f"it did not end within {timeout_s:g} s")

    async def _do(self, entry: Entry, rule: RemediationRule, progress: Progress) -> None:
        match rule.action:
            case "restart":
                await self.supervisor.restart([entry.service], progress)
            case "start":
                await self.supervisor.start([entry.service], progress)
            case "stop":
                await self.supervisor.stop([entry.service], progress)
            case Deed(task=str(task)):
                await self.run_task(task)
            case Deed(scale=ScaleOut() as out):
                await self._scale(entry.service, out, progress)
            case Deed():
                await self._run(entry, rule, progress)

    async def _scale(self, service: str, out: ScaleOut, progress: Progress) -> None:
        status = self.supervisor.snapshot().services.get(service)
        has = len(status.replicas) if status is not None else 0
        if has >= out.most:
            raise ChangeError(
                f"cannot scale {service!r}: it has {has} replicas, and may have {out.most}"
            )
        await self.supervisor.scale(service, min(has + out.by, out.most), progress)

    async def _run(self, entry: Entry, rule: RemediationRule, progress: Progress) -> None:
        argv = rule.action.command if isinstance(rule.action, Deed) else None
        steps = _steps(entry, rule)
        for step in steps:
            progress(step, "doing")
        own = {
            "INTERTIE_SERVICE_NAME": entry.service,
            "INTERTIE_ALERT": entry.alert,
            "INTERTIE_REASON": f"alert {entry.alert}",
            "INTERTIE_ATTEMPT": str(entry.attempt),
        }
        hook = Hook(command=argv or (), timeout=rule.timeout)
        where = launch(self.place(), entry.service or ACTOR, own)
        why = await run_command(self.driver, ACTOR, hook, where)
        for step in steps:
            progress(step, "done" if why is None else "failed", why)
        if why is not None:
            raise ChangeError(why)


def title(entry: Entry) -> str:
    """For a person."""
    told = f"{entry.action} {entry.service}".strip()
    by = f", approved by {entry.by}" if entry.by else ""
    return f"{told}: alert {entry.alert} (rule {entry.rule}, attempt {entry.attempt}{by})"


def _steps(entry: Entry, rule: RemediationRule) -> list[Step]:
    """What is known of it before it is begun."""
    if not entry.service:
        return []
    why = (f"alert {entry.alert}",)
    if not isinstance(rule.action, Deed):
        return [Step(rule.action, entry.service, why)]
    verb: Verb | None = "scale" if rule.action.scale else "run" if rule.action.command else None
    return [Step(verb, entry.service, why)] if verb else []
