"""Where samples are kept: the port, and what it answers with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from intertie.monitor.sample import Found, Matcher, Sample, Series, Source
from intertie.suite.monitoring import Function, Step

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Summary = Function | Literal["count", "sum"]
"""What can be told of the samples of an interval."""

STEP_MS: Mapping[Step, int] = {"1m": 60_000, "5m": 300_000, "1h": 3_600_000, "1d": 86_400_000}


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One summary of one series, interval by interval, oldest first."""

    series: Series
    function: Summary
    times: "NDArray[np.int64]"
    """Where each interval begins, in milliseconds since 1970; a multiple of the step."""
    values: "NDArray[np.float64]"
    exact: bool
    """Whether all values come from the samples themselves; else some are estimated."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What a call of `retain` removed."""

    samples: int = 0
    intervals: int = 0
    """Of the rolled-up tiers, all together."""
    series: int = 0
    """Of which nothing is kept any more."""


@dataclass(frozen=True, slots=True)
class Stats:
    """What a store holds now."""

    series: int
    samples: int
    """As they came; rolled-up intervals are not among them."""
    size_bytes: int
    """In use on the disk, rolled-up intervals included."""
    oldest_ms: int | None
    """Of the oldest sample; None: there is none."""


class MetricsStore(Source, Protocol):
    """Keeps samples for as long as its retention says. All times are milliseconds since 1970.

    Each call raises StoreError when the storage cannot be read or written.
    """

    @property
    def refused(self) -> Mapping[str, int]:
        """Samples of new series that were beyond the limit, by metric, since it was opened."""
        ...

    @property
    def refused_of(self) -> Mapping[str, int]:
        """Those of a tenant that has more than it may, by tenant; they are in `refused` too."""
        ...

    def of_tenant(self, tenant: str) -> int:
        """How many series are kept that count for a tenant."""
        ...

    @property
    def late(self) -> int:
        """Samples that came when their time was already removed, since it was opened."""
        ...

    @property
    def fullness(self) -> float:
        """Share of `max_size` in use, as of the last `retain`, `compact` or `stats`."""
        ...

    async def append(self, at_ms: int, samples: Sequence[Sample]) -> None:
        """Keep all of one moment, or none: once it returns they survive a crash.

        Of a series that is told twice the last value counts. New series beyond the limit are
        refused and counted, the rest is kept.
        """
        ...

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> Sequence[Found]:
        """See Source; sorted by series."""
        ...

    async def aggregate(
        self,
        matchers: Sequence[Matcher],
        start_ms: int,
        end_ms: int,
        *,
        step: Step,
        functions: Sequence[Summary],
    ) -> Sequence[Aggregate]:
        """Summaries of each series that fits, sorted by series and then as `functions` are.

        All intervals that overlap `start_ms` < time <= `end_ms`, each of them whole, aligned to
        UTC. Those without samples are left out, and so are stale markers and other NaNs. A
        percentile is interpolated linearly, as numpy does.
        """
        ...

    async def retain(self, now_ms: int) -> Removed:
        """Roll up what is complete, then remove what is too old or too much.

        To be called every few minutes. It may be cancelled or killed anywhere and called again.
        """
        ...

    async def compact(self) -> None:
        """Make closed days smaller; to be called once a day."""
        ...

    async def series(self, matchers: Sequence[Matcher], limit: int) -> Sequence[Series]:
        """The first `limit` series that fit, sorted."""
        ...

    async def names(self) -> Sequence[str]:
        """Of all metrics, sorted."""
        ...

    async def labels(self, name: str) -> Mapping[str, Sequence[str]]:
        """Of one metric: its labels and the values of each, sorted."""
        ...

    async def snapshot(self, folder: Path) -> Path:
        """Copy everything into the folder while in use; the copy can be opened as a store."""
        ...

    async def stats(self) -> Stats:
        """What it holds now."""
        ...
