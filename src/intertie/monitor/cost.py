"""What monitoring a suite takes, from its file: series, samples, room on the disk and in memory.

What nobody can know before it runs is assumed, and said. The sizes are those measured of our own
store and ring: see `tests/monitor/test_cost.py`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from intertie.monitor.slo import CALL_BOUNDS_S, ROUTE_BOUNDS_S, SERVICE_BOUNDS_S
from intertie.monitor.store import STEP_MS
from intertie.suite.bus import QueueType
from intertie.suite.model import Suite
from intertie.suite.monitoring import Monitoring, Step
from intertie.suite.route_names import declared_routes
from intertie.suite.slo import Slo

PAGE_SERIES = 100
"""Of a page of metrics that is read, if nothing else is said."""
SAMPLE_BYTES = 3.5
"""Of a sample on the disk once its day is packed."""
FRESH_BYTES = 8.0
"""The same before that: of the day that is not over."""
INTERVAL_BYTES = 17.0
"""Of one interval of a series: average, least, most, sum, number and 95th percentile."""
FILE_BYTES = 1 << 20
"""Of a store with nothing in it."""
RING_SAMPLE_BYTES = 9.0
RING_SERIES_BYTES = 900.0
"""Of a series in memory, its names included."""
RING_S = 3600.0
_DAY_S = 86_400.0

_HISTOGRAM = 3
"""Series of a histogram beyond its bounds: up to infinity, sum, count."""
_STATUSES = 2
_OF_A_REPLICA, _OF_A_SERVICE, _OF_THE_DAEMON = 10, 1, 6
_OF_A_GATEWAY = 12 + len(SERVICE_BOUNDS_S) + _HISTOGRAM
_OF_A_GROUP = 3
_OF_A_SCRAPE = 4
_OPERATIONS = 3
_OF_AN_OPERATION = len(CALL_BOUNDS_S) + _HISTOGRAM + 3
_OF_A_LABEL = 10
_OF_A_REMOTE = 5
_OF_MONITORING = 16
_SLO_COUNTERS, _SLO_EXCLUDED = 2, 2
_HISTOGRAMS = "histograms, once requests come"


@dataclass(frozen=True, slots=True)
class Part:
    """What one source brings."""

    source: str
    series: int
    assumed: str = ""
    """What was assumed; empty: it is counted."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What all of it takes."""

    parts: tuple[Part, ...]
    interval_s: float
    tier_bytes: Mapping[str, int]
    """On the disk once each tier is as long as its retention, by tier: raw, 5m, 1h, 1d."""
    max_size_bytes: int
    """What is kept never takes more: the oldest samples go."""
    memory_bytes: int
    """Of the newest hour, which is in memory."""
    max_series: int

    @property
    def series(self) -> int:
        """At once."""
        return sum(each.series for each in self.parts)

    @property
    def samples_per_s(self) -> float:
        """That are kept."""
        return self.series / self.interval_s

    @property
    def disk_bytes(self) -> int:
        """All tiers, as far as they may grow."""
        return min(sum(self.tier_bytes.values()) + FILE_BYTES, self.max_size_bytes)


def cost(suite: Suite, *, machine_series: int, page_series: int = PAGE_SERIES) -> Cost:
    """Of the suite; `machine_series`: what is measured of the machine itself."""
    config = suite.monitoring or Monitoring()
    parts = tuple(each for each in _parts(suite, machine_series, page_series) if each.series)
    series = sum(each.series for each in parts)
    collection = config.metrics_collection
    return Cost(
        parts=parts,
        interval_s=collection.interval,
        tier_bytes=tier_bytes(series, config),
        max_size_bytes=collection.retention.max_size,
        memory_bytes=ring_bytes(series, collection.interval),
        max_series=collection.max_series,
    )


def tier_bytes(series: int, config: Monitoring) -> Mapping[str, int]:
    """On the disk, by tier, once each is as long as its retention."""
    kept = config.metrics_collection.retention
    per_s = series / config.metrics_collection.interval
    packed_s = max(0.0, kept.high_resolution - _DAY_S)
    fresh_s = min(kept.high_resolution, _DAY_S)
    low_s = max(kept.medium_resolution, kept.low_resolution)
    spans: Mapping[Step, float] = {"5m": kept.medium_resolution, "1h": low_s, "1d": low_s}
    rows = {step: series * span * 1000 / STEP_MS[step] for step, span in spans.items()}
    raw = per_s * (packed_s * SAMPLE_BYTES + fresh_s * FRESH_BYTES)
    return {"raw": round(raw), **{step: round(n * INTERVAL_BYTES) for step, n in rows.items()}}


def ring_bytes(series: int, interval_s: float) -> int:
    """In memory."""
    samples = RING_S / interval_s
    return round(series * (RING_SERIES_BYTES + samples * RING_SAMPLE_BYTES))


def _parts(suite: Suite, machine_series: int, page_series: int) -> Iterator[Part]:
    config = suite.monitoring or Monitoring()
    yield Part("machine", machine_series, "this machine's disks and networks")
    yield Part("services", _services(suite))
    yield from _gateway(suite)
    topics = len(suite.bus.topics) if suite.bus else 0
    yield Part("bus", topics * _OF_A_GROUP, "one group a topic")
    yield _scraped(suite, config, page_series)
    for name, metric in config.metrics.items():
        values = _OF_A_LABEL ** len(metric.labels)
        told = f"{_OF_A_LABEL} values of each label" if metric.labels else ""
        yield Part(f"metric {name}", values, told)
    calls = len(suite.integrations) * _OPERATIONS * _OF_AN_OPERATION
    yield Part("integrations", calls, f"{_OPERATIONS} operations of each, by the suite itself")
    yield Part("objectives", sum(map(_slo, config.slo.values())))
    own = _OF_MONITORING + len(config.metrics) + _OF_A_REMOTE * len(config.remote_write)
    yield Part("monitoring", own)


def _services(suite: Suite) -> int:
    engines = 2 * (suite.gateway is not None)
    engines += suite.bus is not None and suite.bus.queue_type is QueueType.EMBEDDED
    replicas = sum(each.replicas for each in suite.services.values()) + engines
    services = len(suite.services) + engines
    return _OF_THE_DAEMON + services * _OF_A_SERVICE + replicas * _OF_A_REPLICA


def _gateway(suite: Suite) -> Iterator[Part]:
    if suite.gateway is None:
        return
    routes = [route for route, _ in declared_routes(suite)]
    reached = {name for route in routes for name in route.services}
    of_service = len(SERVICE_BOUNDS_S) + _HISTOGRAM + _STATUSES
    of_route = len(ROUTE_BOUNDS_S) + _HISTOGRAM + _STATUSES
    assumed = f"{_STATUSES} statuses of each, {_HISTOGRAMS}"
    yield Part("gateway", _OF_A_GATEWAY, _HISTOGRAMS)
    yield Part("gateway: services", len(reached) * of_service, assumed)
    yield Part("gateway: routes", len(routes) * of_route, assumed)


def _scraped(suite: Suite, config: Monitoring, page_series: int) -> Part:
    pages = 0
    for each in config.metrics_collection.scrape.values():
        service = suite.services.get(each.service or "")
        pages += 1 if service is None else service.replicas
    return Part("scrape", pages * (page_series + _OF_A_SCRAPE), f"{page_series} series a page")


def _slo(slo: Slo) -> int:
    windows = {span for pair in slo.reachable for span in (pair.long, pair.short)}
    return _SLO_COUNTERS + (_SLO_EXCLUDED if slo.exclude else 0) + len(windows)
