"""Adds metrics of the business to those of the suite: its rate of events and of errors.

It counts what the suite tells it, and divides by the time since the metrics were last collected.
"""

from collections import Counter
from time import monotonic
from typing import Any

from intertie.plugins import PluginBase, PluginInfo


class CustomMetricsPlugin(PluginBase):
    """Three numbers and a text."""

    def __init__(self) -> None:
        super().__init__()
        self._seen: Counter[str] = Counter()
        self._told: Counter[str] = Counter()
        self._told_at = monotonic()

    def get_info(self) -> PluginInfo:
        """Who this is, and what it is called for."""
        return PluginInfo(
            name="custom_metrics",
            version="1.0.0",
            description="Adds custom business metrics",
            hooks=["service_start", "service_error", "metrics_collect"],
        )

    def on_service_start(self, service_name: str, pid: int) -> None:
        """Count it."""
        self._seen["started"] += 1

    def on_service_error(self, service_name: str, error: Exception) -> None:
        """Count it."""
        self._seen["failed"] += 1

    def on_metrics_collect(self, metrics: dict[str, Any]) -> dict[str, Any]:
        """The rates since the last collection, and what is always so."""
        since, took_s = self._seen - self._told, max(monotonic() - self._told_at, 0.001)
        self._told, self._told_at = self._seen.copy(), monotonic()
        events = since.total()
        return {
            "events_per_second": events / took_s,
            "error_rate": since["failed"] / events if events else 0.0,
            "custom_business_metric": 42,
            "custom_edition": "community",
        }
