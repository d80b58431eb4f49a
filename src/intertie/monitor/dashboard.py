"""What the ready dashboards show: panels and their PromQL, for a suite and a span of time. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from intertie.suite.monitoring import BusinessMetric

SpanName = Literal["15m", "1h", "6h", "24h", "7d"]

SPANS_S: Mapping[SpanName, int] = {
    "15m": 900,
    "1h": 3600,
    "6h": 21_600,
    "24h": 86_400,
    "7d": 604_800,
}
_STEPS_S: Mapping[SpanName, int] = {"15m": 5, "1h": 20, "6h": 120, "24h": 600, "7d": 3600}
_ENOUGH = 4
"""A rate over fewer intervals would have holes where one sample is late."""
_HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Facts:
    """What a suite has, as far as dashboards care."""

    interval_s: float
    gateway: bool = False
    bus: bool = False
    integrations: tuple[str, ...] = ()
    metrics: tuple[tuple[str, BusinessMetric], ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """A query; each series of its answer is a line."""

    expr: str
    legend: str
    """Names a line: `{{service}}` is the value of that label."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart."""

    id: str
    title: str
    group: str
    """The heading it stands under."""
    unit: str
    """ratio (1 is all), bytes, bytes/s, seconds, /s, or what follows the number."""
    lines: tuple[Line, ...]
    missing: str
    """Why there is nothing to see, where there is not."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Charts on one subject."""

    name: str
    title: str
    panels: tuple[Panel, ...]
    missing: str = ""
    """Why there is no panel, where there is none."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How finely a span of time is looked at."""

    step_s: float
    """Between two points."""
    window_s: float
    """Over which a rate is taken."""

    @property
    def window(self) -> str:
        """As PromQL writes it."""
        return f"{round(self.window_s * 1000)}ms"


def pace(span: SpanName, interval_s: float) -> Pace:
    """Not finer than it is measured."""
    step_s = max(float(_STEPS_S[span]), interval_s)
    return Pace(step_s, max(step_s, _ENOUGH * interval_s))


def dashboards(facts: Facts, at: Pace) -> tuple[Dashboard, ...]:
    """System, application and business, with their queries."""
    return (
        Dashboard("system", "System", tuple(_system(at.window, facts.interval_s))),
        Dashboard("application", "Application", tuple(_application(facts, at.window))),
        Dashboard("business", "Business", tuple(_business(facts, at.window)), _undeclared(facts)),
    )


def _system(window: str, interval_s: float) -> Iterator[Panel]:
    why = f"nothing was measured in this time; it is each {interval_s:g} s while the suite runs"

    def panel(id: str, title: str, unit: str, *lines: Line) -> Panel:
        return Panel(id, title, "This machine", unit, lines, why)

    yield panel("cpu", "CPU", "ratio", Line("intertie_cpu_usage_ratio", "in use"))
    yield panel(
        "memory",
        "Memory",
        "ratio",
        Line("intertie_memory_usage_ratio", "memory"),
        Line("intertie_swap_usage_ratio", "swap"),
    )
    yield panel(
        "disk-io",
        "Disk reads and writes",
        "bytes/s",
        Line(f"rate(intertie_disk_read_bytes_total[{window}])", "{{device}} read"),
        Line(f"rate(intertie_disk_written_bytes_total[{window}])", "{{device}} written"),
    )
    yield panel(
        "network",
        "Network",
        "bytes/s",
        Line(f"rate(intertie_network_received_bytes_total[{window}])", "{{interface}} received"),
        Line(f"rate(intertie_network_sent_bytes_total[{window}])", "{{interface}} sent"),
    )
    yield panel("disk", "Disk space", "ratio", Line("intertie_disk_usage_ratio", "{{mount}}"))
    yield panel("load", "Load", "", Line("intertie_load", "{{period}}"))


def _application(facts: Facts, window: str) -> Iterator[Panel]:
    yield from _services()
    yield from _gateway(window, there=facts.gateway)
    yield from _bus(there=facts.bus)
    yield from _integrations(window, facts.integrations)


def _services() -> Iterator[Panel]:
    why = "no service was measured in this time"
    for id, title, unit, expr in (
        ("service-up", "Up", "", "intertie_service_up"),
        ("service-cpu", "CPU, 100% is one core", "ratio", "intertie_service_cpu_ratio"),
        ("service-memory", "Memory", "bytes", "intertie_service_memory_bytes"),
        ("restarts", "Restarts since the daemon began", "", "intertie_service_restarts_total"),
    ):
        line = Line(f"sum by (service) ({expr})", "{{service}}")
        yield Panel(id, title, "Services", unit, (line,), why)


def _gateway(window: str, *, there: bool) -> Iterator[Panel]:
    why = "no request came through the gateway in this time"
    if not there:
        why = "this suite has no gateway; write `gateway:` to its file"
    rate = f"sum by (service) (rate(intertie_http_requests_total[{window}]))"
    failed = f'sum by (service) (rate(intertie_http_requests_total{{status=~"5.."}}[{window}]))'
    errors = f"({failed} or 0 * {rate}) / ({rate} > 0)"
    buckets = (
        f"sum by (service, le) (rate(intertie_http_request_duration_seconds_bucket[{window}]))"
    )
    times = tuple(
        Line(f"histogram_quantile({share}, {buckets})", f"{{{{service}}}} {name}")
        for name, share in (("p50", 0.5), ("p95", 0.95))
    )
    refused = f"sum by (reason) (rate(intertie_gateway_refused_total[{window}]))"
    for id, title, unit, lines in (
        ("requests", "Requests", "/s", (Line(rate, "{{service}}"),)),
        ("errors", "Share of requests that failed", "ratio", (Line(errors, "{{service}}"),)),
        ("times", "Response time", "seconds", times),
        ("refused", "Requests the gateway refused", "/s", (Line(refused, "{{reason}}"),)),
    ):
        yield Panel(id, title, "Gateway", unit, lines, why)


def _bus(*, there: bool) -> Iterator[Panel]:
    why = "the bus had no group of readers in this time"
    if not there:
        why = "this suite has no message bus; write `bus: {}` to its file"
    for id, title, name in (
        ("lag", "Messages waiting to be delivered", "lag"),
        ("pending", "Messages in hand, or to be tried again", "pending"),
        ("dead", "Dead letters", "dead_letters"),
    ):
        line = Line(f"sum by (group) (intertie_bus_{name})", "{{group}}")
        yield Panel(f"bus-{id}", title, "Message bus", "", (line,), why)


def _integrations(window: str, names: Sequence[str]) -> Iterator[Panel]:
    why = "no integration was called in this time"
    if not names:
        why = "this suite has no integrations; write `integrations:` to its file"
    calls = f"rate(intertie_integration_call_seconds_count[{window}])"
    failures = f"rate(intertie_integration_failures_total[{window}])"
    buckets = f"rate(intertie_integration_call_seconds_bucket[{window}])"
    p95 = f"histogram_quantile(0.95, sum by (integration, le) ({buckets}))"
    for id, title, unit, expr in (
        ("calls", "Calls", "/s", f"sum by (integration) ({calls})"),
        ("failures", "Calls that failed", "/s", f"sum by (integration) ({failures})"),
        ("times", "Time of calls, p95", "seconds", p95),
    ):
        line = Line(expr, "{{integration}}")
        yield Panel(f"integration-{id}", title, "Integrations", unit, (line,), why)


def _undeclared(facts: Facts) -> str:
    if facts.metrics:
        return ""
    return (
        "The suite declares no figures of its own: write them below `monitoring.metrics` of its"
        " file, then feed them by events of the bus, `intertie metrics feed` or over HTTP."
    )


def _business(facts: Facts, window: str) -> Iterator[Panel]:
    for name, metric in facts.metrics:
        title = metric.description or name
        fed = f"events of {metric.topic}, or " if metric.topic else ""
        why = f"nothing has fed it in this time; {fed}`intertie metrics feed {name} 1` does"
        legend = " ".join(f"{{{{{label}}}}}" for label in metric.labels) or name
        yield Panel(name, title, name, metric.unit, (Line(name, legend),), why)
        if metric.kind == "counter":
            unit = f"{metric.unit}/h".lstrip()
            line = Line(f"{_HOUR_S} * rate({name}[{window}])", legend)
            yield Panel(f"{name}-growth", "Growth, by the hour", name, unit, (line,), why)
