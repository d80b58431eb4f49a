"""The suite's plugins: what happens is told to them, and what they say is listened to."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from anyio import create_task_group, from_thread
from anyio.abc import TaskStatus

from intertie.control.health import Health as HealthControl
from intertie.event import Event, HealthChanged, ServiceFailed, ServiceStarted, ServiceStopped
from intertie.plugins import PluginManager
from intertie.plugins.event import PluginDisabled
from intertie.plugins.host import PluginHost
from intertie.plugins.metrics import Sample
from intertie.plugins.settings import settings_from
from intertie.plugins.standing import PluginStatus
from intertie.runtime.component import Health, Status
from intertie.runtime.hub import EventHub
from intertie.suite.plugins import Plugins

if TYPE_CHECKING:
    from intertie.app.orchestrator import SuiteOrchestrator

Document = dict[str, object]
Told = tuple[str, tuple[object, ...]]


class Hooks(Protocol):
    """Plugins, wherever they run."""

    async def call(self, hook: str, *args: object) -> None:
        """Have it called, soon; raises nothing on account of a plugin."""
        ...

    def load_config(self, config: Document) -> Document:
        """What the plugins make of it; called in a worker thread."""
        ...

    async def collect_metrics(self, metrics: Document) -> Sequence[Sample]:
        """What they add to it."""
        ...

    def status(self) -> Sequence[PluginStatus]:
        """Each of them."""
        ...


class Hosted:
    """In a process of their own: none can harm the daemon."""

    def __init__(self, host: PluginHost) -> None:
        self.host = host

    async def call(self, hook: str, *args: object) -> None:
        """See Hooks. Nobody waits for it."""
        self.host.notify(hook, *args)

    def load_config(self, config: Document) -> Document:
        """See Hooks."""
        return from_thread.run(self.host.load_config, config)

    async def collect_metrics(self, metrics: Document) -> Sequence[Sample]:
        """See Hooks."""
        return await self.host.collect_metrics(metrics)

    def status(self) -> Sequence[PluginStatus]:
        """See Hooks."""
        return self.host.status()


class InProcess:
    """Those of a manager that the orchestrator's owner brought, in the owner's process."""

    def __init__(self, manager: PluginManager) -> None:
        self._manager = manager

    async def call(self, hook: str, *args: object) -> None:
        """See Hooks. One call at a time."""
        await self._manager.call_async(hook, *args)

    def load_config(self, config: Document) -> Document:
        """See Hooks."""
        return self._manager.config_load(config)

    async def collect_metrics(self, metrics: Document) -> Sequence[Sample]:
        """See Hooks."""
        found = await self._manager.call_async("on_metrics_collect", metrics)
        return [each for some in found if isinstance(some, list) for each in some]

    def status(self) -> Sequence[PluginStatus]:
        """See Hooks."""
        costs = self._manager.costs()
        disabled = self._manager.disabled
        return [
            PluginStatus(
                name=each.info.name,
                state="disabled" if each.info.name in disabled else "loaded",
                origin=each.origin,
                version=each.info.version,
                description=each.info.description,
                author=each.info.author,
                hooks=tuple(each.hooks),
                costs=costs[each.info.name],
                load_s=each.took_s,
                last_error=disabled.get(each.info.name),
            )
            for each in self._manager.plugins
        ]


class SuitePlugins:
    """A component: follows the suite's events, and passes them on as hooks."""

    def __init__(self, hooks: Hosted | InProcess, hub: EventHub, health: "HealthReport") -> None:
        self.hooks = hooks
        self._hub = hub
        self._health = health

    async def run(self, *, task_status: TaskStatus[None]) -> None:
        """See Component. Ready when the plugins are loaded; ends with on_shutdown."""
        async with create_task_group() as group:
            if isinstance(self.hooks, Hosted):
                await group.start(self.hooks.host.run)
            task_status.started()
            while True:
                async with self._hub.subscribe() as events:
                    async for event in events:
                        for hook, args in told(event, self._health):
                            await self.hooks.call(hook, *args)

    def health(self) -> Health:
        """See Component."""
        trouble = self.hooks.host.trouble if isinstance(self.hooks, Hosted) else ""
        return Health(Status.DEGRADED if trouble else Status.UP, trouble)


HealthReport = Callable[[], Mapping[str, object]]


class ServiceTrouble(Exception):
    """What on_service_error gets: the event's own words."""


def told(event: Event, health: HealthReport) -> Sequence[Told]:
    """The hooks an event calls."""
    service, pid = event.data.get("service"), event.data.get("pid")
    if event.type == ServiceStarted.type:
        return [("on_service_start", (service, pid))]
    if event.type == ServiceStopped.type:
        return [("on_service_stop", (service, pid))]
    if event.type == ServiceFailed.type:
        return [("on_service_error", (service, ServiceTrouble(event.data.get("error"))))]
    if event.type == HealthChanged.type:
        return [("on_health_check", (dict(health()),))]
    return []


def suite_plugins(orchestrator: "SuiteOrchestrator", section: Plugins) -> SuitePlugins:
    """Those of the orchestrator's owner, or else those the suite names, in a process of theirs."""
    hub = orchestrator.hub
    report = HealthControl(orchestrator.supervisor.snapshot, dict, orchestrator.points.drifted)
    if orchestrator.plugin_manager is not None:
        return SuitePlugins(InProcess(orchestrator.plugin_manager), hub, partial(_document, report))

    def disabled(plugin: str, reason: str) -> None:
        hub.publish(PluginDisabled(plugin=plugin, reason=reason), plugin)

    folder = orchestrator.settings.file.resolve().parent
    settings = settings_from(section, folder)
    host = PluginHost(settings, folder=folder, on_disabled=disabled)
    return SuitePlugins(Hosted(host), hub, partial(_document, report))


def _document(control: HealthControl) -> Mapping[str, object]:
    """As `/api/health` has it."""
    from intertie.api import views

    return views.health(control.report()).model_dump(mode="json")
