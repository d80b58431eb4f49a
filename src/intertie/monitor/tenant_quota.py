"""How much each tenant sends, and what it is refused beyond its limits."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from anyio import CapacityLimiter

from intertie.errors import RequestError, TooMuchError
from intertie.monitor.sample import Sample, Series
from intertie.suite.monitoring import Monitoring
from intertie.suite.tenant_monitoring import DEFAULT_SERIES_SHARE, TenantMonitoring

Why = Literal["rate", "series", "faulty"]

REFUSED = "intertie_tenant_refused_total"
_MINUTE_MS = 60_000
_AGAIN_S = 10
_AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one tenant."""

    max_series: int
    samples_per_minute: int


@dataclass(slots=True)
class _Bucket:
    left: float
    at_ms: int


class Quotas:
    """The limits of all tenants, and what became of them. For one event loop.

    It is a source too: what was refused, by tenant and reason.
    """

    name = "tenants"

    def __init__(
        self, config: Monitoring, tenants: Callable[[], Collection[str]], now_ms: Callable[[], int]
    ) -> None:
        """`tenants`: those of the suite file, as it is now."""
        self._config = config
        self._tenants = tenants
        self._now_ms = now_ms
        self._turns = defaultdict[str, CapacityLimiter](lambda: CapacityLimiter(_AT_ONCE))
        self._buckets: dict[str, _Bucket] = {}
        self._refused = Counter[tuple[str, Why]]()

    @property
    def tenants(self) -> Collection[str]:
        """Those of the suite file."""
        return self._tenants()

    def limits(self, tenant: str) -> Limits:
        """Of a tenant."""
        told = self._config.tenants.get(tenant, TenantMonitoring())
        share = max(1, self._config.metrics_collection.max_series // DEFAULT_SERIES_SHARE)
        return Limits(told.max_series or share, told.samples_per_minute)

    def turn(self, tenant: str) -> CapacityLimiter:
        """A few expressions of a tenant are answered at once; the others wait for their turn."""
        return self._turns[tenant]

    def max_series(self, tenant: str) -> int | None:
        """How many it may have; None: it is no tenant of the suite, and has no limit of its own."""
        return self.limits(tenant).max_series if tenant in self._tenants() else None

    def refused(self, tenant: str) -> Mapping[str, int]:
        """Samples of it that were not taken, by reason."""
        return {why: count for (name, why), count in self._refused.items() if name == tenant}

    def check(self, tenant: str) -> None:
        """Raise TooMuchError while it has spent its minute: nothing of it is even read."""
        if self._bucket(tenant).left < 1:
            raise self._spent(tenant)

    def spend(self, tenant: str, count: int) -> None:
        """Take so many samples from its minute.

        Raises TooMuchError when there are not so many left, RequestError when there never are.
        """
        bucket, most = self._bucket(tenant), self.limits(tenant).samples_per_minute
        if count > bucket.left:
            self.count(tenant, "rate", count)
            if count > most:
                raise RequestError(
                    f"cannot take {count:,} samples at once: tenant {tenant} may send {most:,} a"
                    " minute; send fewer"
                )
            raise self._spent(tenant)
        bucket.left -= count

    def count(self, tenant: str, why: Why, count: int = 1) -> None:
        """Note that so many samples of it were refused."""
        if count:
            self._refused[tenant, why] += count

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        """See Collects."""
        return [
            Sample(Series.of(REFUSED, {"tenant": tenant, "reason": why}), float(count))
            for (tenant, why), count in self._refused.items()
        ]

    def _bucket(self, tenant: str) -> _Bucket:
        now_ms, most = self._now_ms(), self.limits(tenant).samples_per_minute
        bucket = self._buckets.setdefault(tenant, _Bucket(float(most), now_ms))
        passed_ms = max(0, now_ms - bucket.at_ms)  # the clock may have been put back
        bucket.left = min(float(most), bucket.left + most * passed_ms / _MINUTE_MS)
        bucket.at_ms = now_ms
        return bucket

    def _spent(self, tenant: str) -> TooMuchError:
        most = self.limits(tenant).samples_per_minute
        told = f"cannot take more samples of tenant {tenant} now: it may send {most:,} a minute"
        return TooMuchError(told, again_s=_AGAIN_S)
