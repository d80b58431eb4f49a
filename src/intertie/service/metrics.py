"""Metrics of one service, in a registry of its own."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(slots=True)
class Durations:
    """A histogram that is cheap to add to. Only the event loop's thread adds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))
    sum_s: float = 0.0

    def add(self, took_s: float) -> None:
        """One more."""
        self.counts[bisect_left(BUCKETS_S, took_s)] += 1
        self.sum_s += took_s

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as Prometheus wants them."""
        total, found = 0, []
        for bound, count in zip([*map(str, BUCKETS_S), "+Inf"], self.counts, strict=True):
            total += count
            found.append((bound, float(total)))
        return found


@dataclass(slots=True)
class Answers:
    """Requests of one method, endpoint and status."""

    endpoint: str
    durations: Durations
    """Shared by all statuses of the method and endpoint."""
    count: int = 0


class Requests(Collector):
    """`http_requests_total` and `http_request_duration_seconds`, collected when asked for.

    prometheus_client's own children take a lock for each number; here one thread adds.
    """

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str, int], Answers] = {}
        self._durations: dict[tuple[str, str], Durations] = {}

    def answers(self, method: str, endpoint: str, status: int) -> Answers:
        """What to add to; always the same one for the same three."""
        durations = self._durations.setdefault((method, endpoint), Durations())
        return self._answers.setdefault((method, endpoint, status), Answers(endpoint, durations))

    def collect(self) -> Iterable[Metric]:
        """See prometheus_client; called in a thread."""
        total = CounterMetricFamily(
            "http_requests",
            "Requests answered, by method, route and status.",
            labels=("method", "endpoint", "status"),
        )
        for (method, endpoint, status), answers in list(self._answers.items()):
            total.add_metric((method, endpoint, str(status)), answers.count)
        yield total
        took = HistogramMetricFamily(
            "http_request_duration_seconds",
            "Seconds from a request's head to the end of its answer.",
            labels=("method", "endpoint"),
        )
        for labels, durations in list(self._durations.items()):
            took.add_metric(labels, durations.buckets(), durations.sum_s)
        yield took


class Metrics:
    """The registry, and what the kit itself counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Requests()
        self.registry.register(self.requests)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.handled = self.counter(
            "messages_handled_total", "Messages, by how they ended.", ("topic", "outcome")
        )
        self.handling = self.histogram(
            "message_duration_seconds", "Seconds that handlers took.", ("topic",)
        )
        self.published = self.counter(
            "messages_published_total", "Messages that the broker confirmed.", ("topic",)
        )

    def counter(self, name: str, help: str, labels: Sequence[str] = ()) -> Counter:
        """A number that only grows."""
        return Counter(name, help, labels, registry=self.registry)

    def gauge(self, name: str, help: str, labels: Sequence[str] = ()) -> Gauge:
        """A number that goes up and down."""
        return Gauge(name, help, labels, registry=self.registry)

    def histogram(
        self,
        name: str,
        help: str,
        labels: Sequence[str] = (),
        *,
        buckets: Sequence[float] = BUCKETS_S,
    ) -> Histogram:
        """How numbers are spread."""
        return Histogram(name, help, labels, registry=self.registry, buckets=buckets)

    def render(self, accept: str) -> tuple[bytes, str]:
        """Everything, in the format that `accept` prefers, and that format's media type."""
        encoder, media_type = choose_encoder(accept)
        return encoder(self.registry), media_type
