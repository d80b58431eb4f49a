"""Metrics that services push with OpenTelemetry: requests to export, as OTLP/HTTP sends them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from anyio import CapacityLimiter, to_thread

from intertie.errors import IntertieError
from intertie.monitor.collect.inflate import inflate
from intertie.monitor.collect.otlp_exponential import Exponentials
from intertie.monitor.collect.otlp_points import Point, resource_labels, take
from intertie.monitor.exemplars import Exemplars
from intertie.monitor.sample import STALE, Sample, Series
from intertie.monitor.tenant_samples import sender_of, stamped

if TYPE_CHECKING:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
        ExportMetricsServiceRequest,
    )

    from intertie.monitor.tenant_quota import Quotas

MAX_BYTES = 10 << 20
MAX_POINTS = 200_000
MAX_SERIES = 100_000
_FORGET_MS = 5 * 60 * 1000
"""A series that is not told again for so long has ended, as in Prometheus."""


@dataclass(frozen=True, slots=True)
class Export:
    """What a request holds."""

    points: Sequence[Point]
    rejected: int = 0
    """Points that cannot be taken: `partialSuccess.rejectedDataPoints` of the answer."""
    why: str = ""
    """The first reason."""


def read(body: bytes, content_type: str, *, gzipped: bool = False) -> Export:
    """What is in a request, in either encoding.

    Raises IntertieError when it is faulty, larger than 10 MiB or has more than 200,000 samples.
    """
    request = _decoded(inflate(body, MAX_BYTES, gzipped=gzipped), content_type)
    taken: list[Point] = []
    refused: list[str] = []
    for resource in request.resource_metrics:
        labels = resource_labels(resource.resource)
        metrics = (metric for scope in resource.scope_metrics for metric in scope.metrics)
        for metric in metrics:
            take(metric, labels, taken, refused)
            if len(taken) > MAX_POINTS:
                raise IntertieError(f"{_CANNOT}: it has more than {MAX_POINTS:,} samples")
    return Export(taken, len(refused), refused[0] if refused else "")


class Intake:
    """Source of what was pushed: the newest value of each series, at each tick."""

    name = "otlp"

    def __init__(
        self,
        *,
        now_ms: Callable[[], int],
        max_series: int = MAX_SERIES,
        quotas: Quotas | None = None,
        exemplars: Exemplars | None = None,
    ) -> None:
        self._max_series = max_series
        self._now_ms = now_ms
        self._quotas = quotas
        self.exemplars = exemplars or Exemplars()
        """Traced requests among what was counted."""
        self._exponentials = Exponentials(max_series)
        self._kept: dict[Series, _Kept] = {}
        self._of_tenant = Counter[str]()
        self._reading = defaultdict[str, CapacityLimiter](lambda: CapacityLimiter(1))

    async def take(
        self, body: bytes, content_type: str, *, gzipped: bool = False, tenant: str | None = None
    ) -> Export:
        """Take a request in, of a tenant or of the suite itself.

        Raises IntertieError when all of it is faulty, TooMuchError when the tenant has sent what it
        may for now.
        """

        def work() -> Export:
            return read(body, content_type, gzipped=gzipped)

        if tenant is None:
            return self._taken(await to_thread.run_sync(work))
        if self._quotas is not None:
            self._quotas.check(tenant)
        async with self._reading[tenant]:  # it takes no threads from others
            export = _of_tenant(await to_thread.run_sync(work), tenant)
        if self._quotas is not None:
            self._quotas.count(tenant, "faulty", export.rejected)
            self._quotas.spend(tenant, len(export.points))
        return self._taken(export)

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        """The newest of each; the end of those not told for five minutes."""
        now_ms = self._now_ms()
        self._exponentials.forget(now_ms - _FORGET_MS)
        ended = [
            series
            for series, kept in self._kept.items()
            if math.isnan(kept.value) or now_ms - kept.heard_ms > _FORGET_MS
        ]
        for series in ended:
            del self._kept[series]
            self._of_tenant[sender_of(series)] -= 1
        samples = [Sample(series, kept.told()) for series, kept in self._kept.items()]
        return samples + [Sample(series, STALE) for series in ended]

    def _taken(self, export: Export) -> Export:
        now_ms = self._now_ms()
        points = (p for each in export.points for p in self._exponentials.expanded(each, now_ms))
        whys = [why for each in points if (why := self._keep(each, now_ms))]
        if not whys:
            return export
        return Export(export.points, export.rejected + len(whys), export.why or whys[0])

    def _full(self, tenant: str) -> str:
        """Why there is no room for another series; empty: there is."""
        most = self._quotas.max_series(tenant) if self._quotas is not None else None
        if self._quotas is not None and most is not None and self._of_tenant[tenant] >= most:
            self._quotas.count(tenant, "series")
            return f"tenant {tenant} has {most:,} series, and may have no more"
        if len(self._kept) >= self._max_series:
            return f"there are more than {self._max_series:,} series"
        return ""

    def _keep(self, point: Point, now_ms: int) -> str:
        """Why it is not kept; empty: it is."""
        series, value = point.sample.series, point.sample.value
        kept = self._kept.get(series)
        if kept is None:
            tenant = sender_of(series)
            if why := self._full(tenant):
                return why
            self._of_tenant[tenant] += 1
            self._kept[series] = _Kept(point.at_ms, value, now_ms, point.start)
            self.exemplars.take(series, point.exemplars, now_ms=now_ms)
            return ""
        self.exemplars.take(series, point.exemplars, now_ms=now_ms)
        kept.heard_ms = now_ms
        if point.is_delta and not math.isnan(value) and not math.isnan(kept.value):
            kept.value += value
        elif point.at_ms >= kept.at_ms:  # a request that was sent again may come late
            kept.value = value
        kept.at_ms = max(kept.at_ms, point.at_ms)
        return ""


def _of_tenant(export: Export, tenant: str) -> Export:
    """The same as this tenant's, without what it may not send."""
    points: list[Point] = []
    refused: list[str] = []
    for each in export.points:
        try:
            points.append(replace(each, sample=stamped(each.sample, tenant)))
        except ValueError as exc:
            refused.append(str(exc))
    why = export.why or (refused[0] if refused else "")
    return Export(points, export.rejected + len(refused), why)


@dataclass(slots=True)
class _Kept:
    at_ms: int
    value: float
    heard_ms: int
    """When it came, by our clock."""
    start: float | None = None
    """Told once, before the first value: what came with that is growth too."""

    def told(self) -> float:
        """What is so at this tick."""
        if self.start is None:
            return self.value
        told, self.start = self.start, None
        return told


_CANNOT = "cannot read the request to export metrics"


def _decoded(body: bytes, content_type: str) -> ExportMetricsServiceRequest:
    try:
        from google.protobuf import json_format, message  # noqa: PLC0415 - an extra
        from opentelemetry.proto.collector.metrics.v1 import (  # noqa: PLC0415
            metrics_service_pb2 as service,
        )
    except ImportError as exc:
        told = "opentelemetry-proto is not installed; install intertie[service]"
        raise IntertieError(f"{_CANNOT}: {told}") from exc
    request = service.ExportMetricsServiceRequest()
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            json_format.Parse(body, request, ignore_unknown_fields=True)
        elif kind == "application/x-protobuf":
            request.ParseFromString(body)
        else:
            told = "expected application/x-protobuf or application/json"
            raise IntertieError(f"{_CANNOT}: {told}, not {kind!r:.100}")
    except (message.DecodeError, json_format.ParseError, UnicodeDecodeError, RecursionError) as exc:
        raise IntertieError(f"{_CANNOT}: {' '.join(str(exc).split())[:200]}") from exc
    return request
