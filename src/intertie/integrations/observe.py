"""Counts and times of calls, in memory: cheap enough for every call."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from intertie.integrations.call import Call
from intertie.integrations.errors import IntegrationError

BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(slots=True)
class Tally:
    """Of one operation of one connection."""

    calls: int = 0
    failed: int = 0
    attempts: int = 0
    total_s: float = 0.0
    causes: dict[str, int] = field(default_factory=dict[str, int])
    """Why calls failed: auth, scope, quota, vendor, request, drift, egress, caller."""
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))

    @property
    def down(self) -> int:
        """Calls that failed for what a promise of availability is about."""
        return self.causes.get("vendor", 0) + self.causes.get("auth", 0)


class Metrics:
    """An observer."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[str, str, str, str], Tally] = {}

    def began(self, call: Call) -> None:
        """See Observer."""

    def ended(self, call: Call, mark: object, took_s: float, fault: Exception | None) -> None:
        """See Observer."""
        of = call.connection
        key = (of.tenant, of.config.name, of.kind, call.operation.name)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally()
        tally.calls += 1
        tally.attempts += call.attempt
        tally.total_s += took_s
        tally.buckets[bisect_left(BOUNDS_S, took_s)] += 1
        if fault is not None:
            tally.failed += 1
            cause = fault.cause if isinstance(fault, IntegrationError) else "caller"
            tally.causes[cause] = tally.causes.get(cause, 0) + 1

    def __iter__(self) -> Iterator[tuple[Mapping[str, str], Tally]]:
        names = ("tenant", "integration", "kind", "operation")
        for key, tally in self._tallies.items():
            yield dict(zip(names, key, strict=True)), tally

    def of(self, tenant: str, name: str) -> Tally:
        """All operations of one connection together."""
        return _sum(t for k, t in self._tallies.items() if k[:2] == (tenant, name))

    def of_tenant(self, tenant: str) -> Tally:
        """All connections of one tenant together."""
        return _sum(t for k, t in self._tallies.items() if k[0] == tenant)


def _sum(tallies: Iterator[Tally]) -> Tally:
    whole = Tally()
    for each in tallies:
        whole.calls += each.calls
        whole.failed += each.failed
        whole.attempts += each.attempts
        whole.total_s += each.total_s
        whole.buckets = [a + b for a, b in zip(whole.buckets, each.buckets, strict=True)]
        for cause, count in each.causes.items():
            whole.causes[cause] = whole.causes.get(cause, 0) + count
    return whole
