"""Samples about the running suite, for Prometheus and as JSON."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import psutil
from anyio import to_thread
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from intertie.control.health import status_of
from intertie.control.integration_metrics import LABELS as CALL_LABELS
from intertie.control.integration_metrics import IntegrationCollector
from intertie.control.integrations import Counted
from intertie.monitor import sample as measured
from intertie.plan import Replica, ServiceStatus, Snapshot, State
from intertie.plugins.metrics import Sample
from intertie.plugins.standing import PluginStatus
from intertie.runtime.component import Status

_LABELS = ("service", "replica")
_SHOWN = (*_LABELS, "plugin", "hook", *CALL_LABELS, "cause", "le")
"""Labels that tell samples of one name apart, in the JSON form."""

_CACHE_COUNTERS = {
    "hits": "Requests answered from what is kept.",
    "misses": "Requests that a service was asked for.",
    "passed": "Requests that are never for the cache.",
    "errors": "Requests that a service did not answer.",
    "stored": "Answers taken in.",
    "evicted": "Answers given up for others.",
    "bytes_from_store": "Bytes of answers from what is kept.",
}
_CACHE_GAUGES = {
    "answers": "Answers that are kept.",
    "bytes": "Bytes that they take.",
    "max_bytes": "Bytes that they may take.",
}


class Plugins(Protocol):
    """The suite's plugins."""

    async def collect_metrics(self, metrics: dict[str, object]) -> Sequence[Sample]:
        """What they add to these."""
        ...

    def status(self) -> Sequence[PluginStatus]:
        """Each of them."""
        ...


@dataclass(frozen=True, slots=True)
class Metrics:
    """Read when asked for; nothing is sampled in between."""

    MEDIA_TYPE: ClassVar[str] = "text/plain; version=0.0.4; charset=utf-8"

    snapshot: Callable[[], Snapshot]
    plugins: Plugins | None = None
    cache: Callable[[], Awaitable[Mapping[str, int]]] | None = None
    """Counters of the gateway's cache; none where no cache answers."""
    integrations: Callable[[], Iterable[Counted]] = tuple
    """Calls to services outside."""

    async def as_text(self) -> bytes:
        """The Prometheus text format."""
        return await to_thread.run_sync(generate_latest, await self._registry())

    async def as_json(self) -> dict[str, dict[str, float]]:
        """`{sample name: {service/replica: value}}`; the daemon's own samples under ""."""
        return await to_thread.run_sync(_flatten, await self._registry())

    async def as_samples(self) -> Sequence[measured.Sample]:
        """Each by itself, for who keeps them."""
        return await to_thread.run_sync(_samples, await self._registry())

    async def _registry(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        ProcessCollector(namespace="intertie_daemon", registry=registry)
        registry.register(_Suite(self.snapshot()))
        if self.cache is not None and (counted := await self.cache()):
            registry.register(_Cache(counted))
        if counted_calls := tuple(self.integrations()):
            registry.register(IntegrationCollector(counted_calls))
        if self.plugins is not None:
            ours = await to_thread.run_sync(_flatten, registry)
            added = await self.plugins.collect_metrics(dict(ours))
            registry.register(_Plugins(self.plugins.status(), added))
        return registry


class _Plugins(Collector):
    """What plugins cost, and what they add."""

    def __init__(self, plugins: Sequence[PluginStatus], added: Sequence[Sample]) -> None:
        self._plugins = plugins
        self._added = added

    def collect(self) -> Iterator[Metric]:
        labels = ("plugin", "hook")
        calls = CounterMetricFamily("intertie_plugin_calls", "Hook calls.", labels=labels)
        seconds = CounterMetricFamily("intertie_plugin_seconds", "Time in hooks.", labels=labels)
        errors = CounterMetricFamily("intertie_plugin_errors", "Hooks that failed.", labels=labels)
        for plugin in self._plugins:
            for hook, cost in plugin.costs.items():
                calls.add_metric((plugin.name, hook), cost.count)
                seconds.add_metric((plugin.name, hook), cost.seconds)
                errors.add_metric((plugin.name, hook), cost.errors)
        yield from (calls, seconds, errors)
        families: dict[str, Metric] = {}
        for sample in self._added:
            told = f"Of plugin {sample.labels.get('plugin', '')}."
            family = families.setdefault(sample.name, Metric(sample.name, told, "gauge"))
            family.add_sample(sample.name, dict(sample.labels), sample.value)
        yield from families.values()


class _Cache(Collector):
    """What the gateway's cache has done since its start."""

    def __init__(self, counted: Mapping[str, int]) -> None:
        self._counted = counted

    def collect(self) -> Iterator[Metric]:
        for name, text in _CACHE_COUNTERS.items():
            yield CounterMetricFamily(f"intertie_cache_{name}", text, self._counted[name])
        for name, text in _CACHE_GAUGES.items():
            yield GaugeMetricFamily(f"intertie_cache_{name}", text, self._counted[name])


class _Suite(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._services = tuple(snapshot.services.values())

    def collect(self) -> Iterator[Metric]:
        yield _per_service(
            "intertie_service_up",
            "1 when every replica is well.",
            self._services,
            lambda service: float(status_of(service) is Status.UP),
        )
        running = GaugeMetricFamily(
            "intertie_replica_running", "1 when ready for requests.", labels=_LABELS
        )
        restarts = CounterMetricFamily(
            "intertie_replica_restarts", "Restarts since last started on request.", labels=_LABELS
        )
        memory = GaugeMetricFamily(
            "intertie_replica_memory_bytes", "Resident memory of the main process.", labels=_LABELS
        )
        cpu = CounterMetricFamily(
            "intertie_replica_cpu_seconds",
            "User and system time of the main process.",
            labels=_LABELS,
        )
        for service in self._services:
            for replica in service.replicas:
                labels = (service.name, str(replica.index))
                running.add_metric(labels, float(replica.state is State.RUNNING))
                restarts.add_metric(labels, replica.restarts)
                if (usage := _usage(replica)) is not None:
                    memory.add_metric(labels, usage[0])
                    cpu.add_metric(labels, usage[1])
        yield from (running, restarts, memory, cpu)


def _per_service(
    name: str,
    text: str,
    services: tuple[ServiceStatus, ...],
    value: Callable[[ServiceStatus], float],
) -> Metric:
    family = GaugeMetricFamily(name, text, labels=("service",))
    for service in services:
        family.add_metric((service.name,), value(service))
    return family


def _usage(replica: Replica) -> tuple[float, float] | None:
    """Bytes and CPU-seconds; None when it is not running (any more)."""
    if replica.pid is None:
        return None
    try:
        process = psutil.Process(replica.pid)
        with process.oneshot():
            times = process.cpu_times()
            return float(process.memory_info().rss), times.user + times.system
    except psutil.Error:
        return None


def _samples(registry: CollectorRegistry) -> list[measured.Sample]:
    return [
        measured.Sample(measured.Series.of(sample.name, sample.labels), float(sample.value))
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    ]


def _flatten(registry: CollectorRegistry) -> dict[str, dict[str, float]]:
    flat: dict[str, dict[str, float]] = {}
    for metric in registry.collect():
        for sample in metric.samples:
            key = "/".join(sample.labels[label] for label in _SHOWN if label in sample.labels)
            flat.setdefault(sample.name, {})[key] = sample.value
    return flat
