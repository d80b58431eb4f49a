"""What calls to services outside have cost, for Prometheus."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from intertie.control.integrations import Counted

LABELS = ("tenant", "integration", "kind", "operation")


class IntegrationCollector(Collector):
    """Since the suite was started."""

    def __init__(self, counted: Iterable[Counted]) -> None:
        self._counted = tuple(counted)

    def collect(self) -> Iterator[Metric]:
        """See Collector."""
        seconds = HistogramMetricFamily(
            "intertie_integration_call_seconds", "Time of calls, all attempts.", labels=LABELS
        )
        failures = CounterMetricFamily(
            "intertie_integration_failures", "Calls that failed.", labels=(*LABELS, "cause")
        )
        attempts = CounterMetricFamily(
            "intertie_integration_attempts", "Requests that calls took.", labels=LABELS
        )
        for each in self._counted:
            labels = [each.tenant, each.integration, each.kind, each.operation]
            seconds.add_metric(labels, list(each.buckets.items()), each.total_s)
            attempts.add_metric(labels, each.attempts)
            for cause, count in each.causes.items():
                failures.add_metric([*labels, cause], count)
        yield from (seconds, failures, attempts)
