"""Figures of what the suite is for: fed by events of the bus and over HTTP."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from intertie.bus.topics import matches
from intertie.monitor.sample import Sample, Series, is_stale
from intertie.monitor.tenant_samples import LABEL, tenant_of
from intertie.suite.monitoring import BusinessMetric

MAX_SERIES = 1000
"""Of one metric and tenant: a label that is different for each event would fill the memory."""
_MAX_LABEL = 2000
_REFUSED = "intertie_business_refused_total"


class Feeds:
    """Source of the metrics under `monitoring.metrics`."""

    name = "business"

    def __init__(self, metrics: Mapping[str, BusinessMetric]) -> None:
        self._metrics = dict(metrics)
        self._values: dict[str, dict[Series, float]] = {
            name: {Series(name): 0.0} if metric.kind == "counter" and not metric.labels else {}
            for name, metric in metrics.items()
        }
        self._refused: Counter[str] = Counter(dict.fromkeys(metrics, 0))

    def restore(self, samples: Sequence[Sample]) -> None:
        """Go on from the newest samples of these metrics before a restart, told once."""
        for sample in samples:
            name, labels = sample.series.name, dict(sample.series.labels)
            if not math.isfinite(sample.value) or is_stale(sample.value):
                continue
            if name == _REFUSED and labels.get("metric", "") in self._metrics:
                self._refused[labels["metric"]] += int(sample.value)
            elif name in self._metrics and self._has_room(sample.series):
                self._restore(sample)

    def take(self, topic: str, data: Mapping[str, object]) -> None:
        """Feed all metrics that want this event. What they cannot use is counted."""
        for name, metric in self._metrics.items():
            if metric.topic is None or not matches(metric.topic, topic):
                continue
            value = 1.0 if metric.value is None else _number(_at(data, metric.value))
            labels = {label: _at(data, path) for label, path in metric.labels.items()}
            self._feed(name, value, labels)

    def feed(
        self,
        name: str,
        value: object,
        labels: Mapping[str, object] | None = None,
        *,
        tenant: str | None = None,
    ) -> str | None:
        """Feed one. Why it is refused, as the end of a sentence; None when it is taken.

        `tenant`: who feeds it; it is that tenant's, whatever the labels say.
        """
        metric = self._metrics.get(name)
        if metric is None:
            return f"there is no metric {name!r:.100} in `monitoring.metrics`"
        stamp = {LABEL: tenant} if tenant is not None else {}
        given = {label: text for label, text in (labels or {}).items() if label not in stamp}
        unknown = sorted(given.keys() - metric.labels.keys())
        if unknown:
            self._refused[name] += 1
            return f"{name} has no label {unknown[0]!r:.100}"
        return self._feed(name, _number(value), {**given, **stamp})

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        """All figures as they are."""
        found = [
            Sample(series, value)
            for values in self._values.values()
            for series, value in values.items()
        ]
        return found + [
            Sample(Series.of(_REFUSED, {"metric": name}), float(count))
            for name, count in self._refused.items()
        ]

    def _feed(self, name: str, value: float | None, labels: Mapping[str, object]) -> str | None:
        why = self._try(name, value, labels)
        if why is not None:
            self._refused[name] += 1
        return why

    def _try(self, name: str, value: float | None, labels: Mapping[str, object]) -> str | None:
        texts = {label: _label(given) for label, given in labels.items()}
        for label, text in texts.items():
            if text is None:
                return f"{label} of {name} is no text of up to {_MAX_LABEL:,} characters"
        series = Series.of(name, {label: text or "" for label, text in texts.items()})
        if not self._has_room(series):
            return f"{name} has {MAX_SERIES:,} series already"
        if value is None or not math.isfinite(value):
            return f"the value of {name} is no finite number"
        return self._add(series, value)

    def _add(self, series: Series, value: float) -> str | None:
        name, values = series.name, self._values[series.name]
        if self._metrics[name].kind == "counter":
            if value < 0:
                return f"{name} is a counter, and {value:g} is less than 0"
            value += values.get(series, 0.0)
            if not math.isfinite(value):
                return f"{name} would be more than a number can be"
        values[series] = value
        return None

    def _has_room(self, series: Series) -> bool:
        values = self._values[series.name]
        if series in values or len(values) < MAX_SERIES:
            return True
        tenant = tenant_of(series)  # one that fills its share takes nothing from the others
        return sum(tenant_of(each) == tenant for each in values) < MAX_SERIES

    def _restore(self, sample: Sample) -> None:
        values, series = self._values[sample.series.name], sample.series
        if self._metrics[series.name].kind == "gauge":
            values.setdefault(series, sample.value)
        elif sample.value >= 0:
            values[series] = values.get(series, 0.0) + sample.value


def _at(data: Mapping[str, object], path: str) -> object:
    """What is at `order.total`; None where nothing is."""
    found: object = data
    for word in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(word)
    return found


def _number(given: object) -> float | None:
    """Amounts come as text too, so that none of their digits is lost."""
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None
    try:
        return float(given)
    except (ValueError, OverflowError):
        return None


def _label(given: object) -> str | None:
    """Nothing is an empty text."""
    if given is None:
        return ""
    if isinstance(given, bool):
        return "true" if given else "false"
    text = str(given) if isinstance(given, int | float | str) else None
    return text if text is not None and len(text) <= _MAX_LABEL else None
