"""Those that look after running services. Loaded while services start."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from intertie.app.integrations import SuiteIntegrations
from intertie.app.orchestrator import Inner, SuiteOrchestrator
from intertie.app.remediation import SuiteRemediation
from intertie.automation.remedy import Remedy
from intertie.plan import Action, Step
from intertie.runtime.change import Changes, Progress
from intertie.runtime.component import Component
from intertie.runtime.logs import LogReader
from intertie.runtime.rotation import Rotator
from intertie.runtime.watch import Reaction, Watcher
from intertie.suite.logging import Logging, forwarded
from intertie.suite.service import Service

_MOST_NAMED = 3


def watchers(inner: Inner) -> Iterator[Component]:
    """Each follows what the suite says now, also when it says nothing yet."""
    orchestrator = inner.orchestrator
    orchestrator.rotator = Rotator(orchestrator.folder.logs, lambda: _logging(orchestrator))
    yield orchestrator.rotator
    remedy = Remedy(
        orchestrator.supervisor,
        inner.changes,
        orchestrator.hub,
        driver=orchestrator.driver,
        place=orchestrator.surroundings(),
        wanted=lambda: orchestrator.suite.automation.recovery,
    )
    orchestrator.on_apply.append(remedy.renew)
    yield remedy
    yield from _forwarders(orchestrator)
    yield inner.orchestrator.points
    orchestrator.integrations = integrations = SuiteIntegrations(
        orchestrator.folder,
        lambda: orchestrator.suite,
        counters=lambda: orchestrator.bus_config,
        audit=inner.opened.identities.audit if inner.opened else None,
        tracer=orchestrator.tracer,
    )
    orchestrator.on_apply.append(integrations.renew)
    yield integrations
    orchestrator.on_apply.append(orchestrator.monitoring.renew)
    yield orchestrator.monitoring
    orchestrator.on_apply.append(orchestrator.traces.renew)
    yield orchestrator.traces
    orchestrator.on_apply.append(orchestrator.tasks.renew)
    yield orchestrator.tasks
    orchestrator.remediation = remediation = SuiteRemediation(inner)
    orchestrator.on_apply.append(remediation.renew)
    yield remediation
    watcher = Watcher(
        orchestrator.settings.file.parent,
        lambda: orchestrator.suite.services,
        _Act(orchestrator, inner.changes),
        orchestrator.hub,
    )
    orchestrator.on_apply.append(watcher.renew)
    yield watcher


class _Act:
    """What a change of watched files leads to: a change of the suite, seen through."""

    def __init__(self, orchestrator: SuiteOrchestrator, changes: Changes) -> None:
        self._supervisor = orchestrator.supervisor
        self._changes = changes

    async def __call__(self, name: str, reaction: Reaction, files: tuple[Path, ...]) -> None:
        async def work(progress: Progress) -> None:
            if reaction == "restart":
                await self._supervisor.restart([name], progress)
            else:
                await self._supervisor.reload([name], progress)

        verb: Action = reaction
        named = ", ".join(file.name for file in files[:_MOST_NAMED])
        why = f"{named} changed" if len(files) <= _MOST_NAMED else f"{named}, … changed"
        step = Step(verb, name, (why,))
        title = f"{verb} {name}: {why}"
        change = await self._changes.begin(title, work, actor="watch", steps=[step])
        await self._changes.wait(change.id)


def _forwarders(orchestrator: SuiteOrchestrator) -> Iterable[Component]:
    targets = orchestrator.suite.logging.forward
    if not targets:
        return ()
    from intertie.forward import forwarders

    return forwarders(
        targets,
        reader=LogReader(orchestrator.folder.logs, ended=_ended(orchestrator)),
        services=lambda target: _forwarded(orchestrator, target),
        resolve=orchestrator.surroundings().resolve,
        folder=orchestrator.folder.root / "forward",
    )


def _ended(orchestrator: SuiteOrchestrator) -> Callable[[str, int], bool]:
    return lambda service, index: not orchestrator.supervisor.has_process(service, index)


def _forwarded(orchestrator: SuiteOrchestrator, name: str) -> Sequence[str]:
    target = orchestrator.suite.logging.forward.get(name)
    return forwarded(name, target, _logging(orchestrator)) if target is not None else ()


def _services(orchestrator: SuiteOrchestrator) -> Mapping[str, Service]:
    found = orchestrator.supervisor.snapshot().services
    return {name: status.spec for name, status in found.items()}


def _logging(orchestrator: SuiteOrchestrator) -> Mapping[str, Logging]:
    return {name: spec.logging for name, spec in _services(orchestrator).items()}
