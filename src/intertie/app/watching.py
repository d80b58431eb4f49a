"""Builds what monitors a suite. Loaded once a suite asks for that."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import httpx
from anyio import create_task_group, sleep

from intertie.app.heartbeats import Works, after_evaluating, after_keeping, listening, pulse_of
from intertie.bus.client import Client
from intertie.bus.port import Subscription
from intertie.control.metrics import Metrics
from intertie.control.monitoring import Watching
from intertie.errors import BusError
from intertie.event import Event
from intertie.gateway.admin import Admin
from intertie.monitor.alerting import Alerting
from intertie.monitor.both import Both
from intertie.monitor.channels import channel_of
from intertie.monitor.collect.collector import Collector, Outlets, wall_ms
from intertie.monitor.collect.envoy import FILTER, Gateway
from intertie.monitor.collect.events import Feeds
from intertie.monitor.collect.otlp import Intake
from intertie.monitor.collect.port import Collects
from intertie.monitor.collect.processes import Processes, Watched
from intertie.monitor.collect.scrape import Scraper, Target
from intertie.monitor.collect.system import System
from intertie.monitor.desk import AlertDesk
from intertie.monitor.duck import DuckStore
from intertie.monitor.promql.query import compile
from intertie.monitor.recorder import Recorder
from intertie.monitor.records import recording_rules
from intertie.monitor.remote_write import RemoteWrite as Remote
from intertie.monitor.remote_write import RemoteWrites
from intertie.monitor.replay_rules import rules_in
from intertie.monitor.ring import HOUR_MS, Ring
from intertie.monitor.rule_query import over
from intertie.monitor.rules import FULLNESS
from intertie.monitor.sample import NAME_LABEL, Matcher, Sample, Series
from intertie.monitor.sender import Sender
from intertie.monitor.slo_record import SloRecorder
from intertie.monitor.task_rules import with_tasks
from intertie.monitor.tenant_quota import REFUSED, Quotas
from intertie.monitor.warm import warm
from intertie.suite.monitoring import Monitoring, RemoteWrite, Scrape
from intertie.trace_context import Tracer, use

if TYPE_CHECKING:
    from intertie.app.orchestrator import SuiteOrchestrator

_SLACK_MS = 60_000
_TIDY_S = 300.0
_PACK_EVERY = 288
"""Each so many times that it is tidied: once a day."""
_AGAIN_S = 5.0
_NOTICES_KEPT = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class Around:
    """What it is built over."""

    orchestrator: "SuiteOrchestrator"
    metrics: Callable[[], Metrics | None]
    client: Callable[[], Client | None]

    @property
    def services(self) -> Sequence[str]:
        """Names of the suite's own."""
        return tuple(self.orchestrator.suite.services)

    def replicas(self) -> Sequence[Watched]:
        """All of them, as they are now."""
        found = self.orchestrator.supervisor.snapshot().services
        return [
            Watched(each.service, each.index, each.pid, each.restarts)
            for service in found.values()
            for each in service.replicas
        ]


@asynccontextmanager
async def watching(config: Monitoring, around: Around) -> AsyncIterator[Watching]:
    """Everything, open; what `live` keeps going. Raises StoreError, IntertieError."""
    orchestrator = around.orchestrator
    folder = orchestrator.folder.monitoring
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    collection = config.metrics_collection
    async with AsyncExitStack() as stack:
        quotas = Quotas(config, lambda: orchestrator.suite.tenants, wall_ms)
        store = await stack.enter_async_context(
            DuckStore.open(
                orchestrator.folder.samples,
                retention=collection.retention,
                max_series=collection.max_series,
                max_of=quotas.max_series,
            )
        )
        desk = await stack.enter_async_context(AlertDesk.open(folder / "alerts.db"))
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False))
        ring = Ring()
        since_ms = await warm(ring, store, now_ms=wall_ms(), span_ms=HOUR_MS)
        source = Both(ring, store, since_ms=lambda: max(since_ms, wall_ms() - HOUR_MS + _SLACK_MS))
        sender = _sender(config, around)
        alerting = Alerting(
            config,
            with_tasks(
                rules_in(config),
                tasks=orchestrator.suite.automation.has_timings,
                backup=orchestrator.suite.automation.backup is not None,
            ),
            source=source,
            desk=desk,
            sender=sender,
            publish=orchestrator.hub.publish,
            now=_now,
        )
        await alerting.restore()
        feeds = Feeds(config.metrics)
        intake = Intake(max_series=collection.max_series, now_ms=wall_ms, quotas=quotas)
        await _restore(feeds, store, config)
        promised = SloRecorder(
            config.slo, ring, mute=config.alerts.mute, interval_s=collection.interval
        )
        await promised.restore(store, wall_ms())
        remote = _remote(config, around, client)
        recorder = Recorder(recording_rules(config.records), over(source), ring.add)
        switch, resolve = config.dead_mans_switch, orchestrator.surroundings().resolve
        opening = listening(switch, folder / "heartbeats.db", resolve)
        listener = await stack.enter_async_context(opening)
        works = Works(alerting, sender)
        suite = orchestrator.suite.suite
        pulse = pulse_of(switch, suite, client, resolve=resolve, works=works)
        collector = Collector(
            [
                *_sources(config, around, feeds, intake, client=client),
                _Store(store),
                quotas,
                remote,
                promised,
                listener,
            ],
            Outlets(
                ring,
                after_keeping(store.append, pulse),
                after_evaluating(alerting.evaluate, pulse),
                remote.offer,
                recorder.record,
            ),
            interval_s=collection.interval,
        )
        works.collector = collector
        yield Watching(
            config=config,
            source=source,
            store=store,
            desk=desk,
            alerting=alerting,
            sender=sender,
            feeds=feeds,
            intake=intake,
            collector=collector,
            remote=remote,
            recorder=recorder,
            quotas=quotas,
            listener=listener,
            pulse=pulse,
        )


async def live(it: Watching, around: Around) -> None:
    """Until cancelled, or until something fails that it cannot do without."""
    async with create_task_group() as group:
        await group.start(it.alerting.run)
        await group.start(it.remote.run)
        await group.start(it.pulse.run)
        await group.start(it.collector.run)
        group.start_soon(_tidy, it)
        if any(each.topic for each in it.config.metrics.values()):
            group.start_soon(_follow, it.feeds, around.client, around.orchestrator.tracer)


def _sources(
    config: Monitoring, around: Around, feeds: Feeds, intake: Intake, *, client: httpx.AsyncClient
) -> Sequence[Collects]:
    found: list[Collects] = [System(), Processes(around.replicas), feeds, intake]
    if around.orchestrator.suite.gateway is not None:
        admin = Admin(around.orchestrator.folder.envoy)
        found.append(Gateway(lambda: admin.exposition(FILTER), lambda: around.services))
    if config.metrics_collection.scrape:
        scraped = config.metrics_collection.scrape
        limit_s = min(config.metrics_collection.interval, 10.0)
        targets = partial(_targets, scraped, around)
        traced = intake.exemplars
        found.append(Scraper(targets, client, limit_s=limit_s, exemplars=traced))
    if around.orchestrator.suite.automation.has_timings:
        # It loads all that tasks need, which then is loaded anyhow.
        from intertie.app.task_samples import TaskSamples

        found.append(
            TaskSamples(
                lambda: around.orchestrator.tasks.tasks,
                lambda: [name for name, _ in around.orchestrator.suite.automation.timings()],
            )
        )
    return [*found, _Daemon(around.metrics), _Bus(around.client)]


def _targets(scraped: Mapping[str, Scrape], around: Around) -> Sequence[Target]:
    """Pages, as services run now."""
    snapshot = around.orchestrator.supervisor.snapshot().services
    found: list[Target] = []
    for job, each in scraped.items():
        if each.url is not None:
            found.append(Target(job, each.url, each.labels, each.timeout))
            continue
        service = snapshot.get(each.service or "")
        for replica in service.replicas if service else ():
            if replica.port is not None and replica.pid is not None:
                labels = {"service": replica.service, "replica": str(replica.index)}
                url = f"http://127.0.0.1:{replica.port}{each.path}"
                found.append(Target(job, url, {**labels, **each.labels}, each.timeout))
    return found


def _sender(config: Monitoring, around: Around) -> Sender:
    resolve = around.orchestrator.surroundings().resolve
    channels = {
        name: channel_of(each, name=name, resolve=resolve, now=_now, templates=config.templates)
        for name, each in config.channels.items()
    }
    fallback = config.alert_integration.fallback
    rng = Random()  # noqa: S311 — spreads tries
    tracer = around.orchestrator.tracer
    return Sender(channels, fallback=fallback, sleep=sleep, now=_now, rng=rng, tracer=tracer)


def _remote(config: Monitoring, around: Around, client: httpx.AsyncClient) -> RemoteWrites:
    """Receivers of samples; secrets of their headers are read at each request."""
    resolve = around.orchestrator.surroundings().resolve

    def headers(each: RemoteWrite) -> Mapping[str, str]:
        return {name: resolve(text) for name, text in each.headers.items()}

    return RemoteWrites(
        {
            name: Remote(
                each.url,
                headers=partial(headers, each),
                client=client,
                now=_now,
                sleep=sleep,
                only=_selectors(each.only) if each.only else None,
            )
            for name, each in config.remote_write.items()
        }
    )


def _selectors(texts: Sequence[str]) -> Sequence[Sequence[Matcher]]:
    return [read.matchers for text in texts for read in compile(text).reads(0, 0)]


async def _restore(feeds: Feeds, store: DuckStore, config: Monitoring) -> None:
    """Figures go on from what was measured last."""
    now_ms = wall_ms()
    start_ms = now_ms - round(config.metrics_collection.retention.high_resolution * 1000)
    for name in config.metrics:
        matchers = (Matcher(NAME_LABEL, "=", name),)
        found = await store.select(matchers, start_ms, now_ms)
        feeds.restore([Sample(each.series, float(each.values[-1])) for each in found])


async def _follow(feeds: Feeds, client: Callable[[], Client | None], tracer: Tracer) -> None:
    """Feed figures by events of the bus, whenever there is one."""

    async def take(event: Event) -> None:
        with use(tracer.follow(event.traceparent)):
            feeds.take(event.type, event.data)

    while True:
        bus = client()
        if bus is not None:
            with suppress(BusError):  # the link tells it, and connects again
                await bus.consume(Subscription("#"), take)
        await sleep(_AGAIN_S)


async def _tidy(it: Watching) -> None:
    count = 0
    while True:
        count += 1
        await it.store.retain(wall_ms())
        if count % _PACK_EVERY == 0:
            await it.store.compact()
            await it.desk.purge(_now(), _NOTICES_KEPT)
        await sleep(_TIDY_S)


class _Daemon:
    """What the daemon counts itself: services, the cache, plugins, integrations."""

    name = "daemon"

    def __init__(self, metrics: Callable[[], Metrics | None]) -> None:
        self._metrics = metrics

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        metrics = self._metrics()
        return await metrics.as_samples() if metrics is not None else ()


class _Store:
    """How full the store is, and what it did not take."""

    name = "store"

    def __init__(self, store: DuckStore) -> None:
        self._store = store

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        refused = [
            Sample(Series.of("intertie_store_refused_total", {"metric": name}), float(count))
            for name, count in self._store.refused.items()
        ]
        late = Sample(Series("intertie_store_late_total"), float(self._store.late))
        of_tenants = [
            Sample(Series.of(REFUSED, {"tenant": tenant, "reason": "kept_series"}), float(count))
            for tenant, count in self._store.refused_of.items()
        ]
        return [Sample(Series(FULLNESS), self._store.fullness), late, *refused, *of_tenants]


class _Bus:
    """How far behind the bus's groups are."""

    name = "bus"

    def __init__(self, client: Callable[[], Client | None]) -> None:
        self._client = client

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        client = self._client()
        if client is None:
            return ()
        found: list[Sample] = []
        for each in await client.bus.groups():
            labels = {"group": each.group, "topic": each.pattern}
            found.append(Sample(Series.of("intertie_bus_pending", labels), float(each.pending)))
            dead = Series.of("intertie_bus_dead_letters", labels)
            found.append(Sample(dead, float(each.dead)))
            if each.lag is not None:
                found.append(Sample(Series.of("intertie_bus_lag", labels), float(each.lag)))
        return found


def _now() -> datetime:
    return datetime.now(UTC)
