"""What monitoring a suite takes, before it runs, and what it takes where it does."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from intertie.errors import IntertieError
from intertie.suite.model import Suite

if TYPE_CHECKING:
    from intertie.monitor.cost import Cost


@dataclass(frozen=True, slots=True)
class Preview:
    """What monitoring takes once it has run for as long as it keeps things."""

    interval_s: float
    series: int
    samples_per_s: float
    tier_bytes: dict[str, int]
    disk_bytes: int
    """All tiers, as far as `max_size` lets them grow."""
    memory_bytes: int
    parts: tuple[dict[str, object], ...]
    """Series by source, and what was assumed."""
    warnings: tuple[str, ...]


async def preview(suite: Suite, *, page_series: int | None = None) -> Preview:
    """By the suite file, and this machine's disks and networks.

    Raises IntertieError when the suite is not monitored.
    """
    if suite.monitoring is None:
        raise IntertieError(
            "cannot tell what monitoring takes: this suite has none; add `monitoring: {}`"
        )
    from intertie.monitor.collect.system import System  # noqa: PLC0415 - for monitored suites
    from intertie.monitor.cost import PAGE_SERIES, cost  # noqa: PLC0415

    machine = len(await System().collect(0)) + 1  # its first look has no processor time yet
    found = cost(suite, machine_series=machine, page_series=page_series or PAGE_SERIES)
    return Preview(
        interval_s=found.interval_s,
        series=found.series,
        samples_per_s=round(found.samples_per_s, 3),
        tier_bytes=dict(found.tier_bytes),
        disk_bytes=found.disk_bytes,
        memory_bytes=found.memory_bytes,
        parts=tuple(
            {"source": each.source, "series": each.series, "assumed": each.assumed}
            for each in found.parts
        ),
        warnings=tuple(_warnings(found)),
    )


def _warnings(found: "Cost") -> list[str]:
    told: list[str] = []
    if found.series > found.max_series:
        told.append(f"there are more series than `max_series` allows: {found.max_series:,}")
    if sum(found.tier_bytes.values()) > found.max_size_bytes:
        told.append("it would be more than `retention.max_size`: the oldest samples go before")
    return told
