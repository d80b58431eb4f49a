"""What an evaluation looks at: its moments, the samples found, and its limits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from intertie.monitor.promql.rows import Times
from intertie.monitor.promql.tree import Moment, QueryError
from intertie.monitor.sample import Found, Matcher

Samples = Mapping[tuple[Matcher, ...], Sequence[Found]]
"""What was found for each selector: one entry a series, oldest sample first."""


@dataclass(frozen=True, slots=True)
class Options:
    """How queries are answered."""

    closed: bool = False
    """As Prometheus 2.42: the oldest edge of a range belongs to it."""
    lookback_ms: int = 300_000
    """How old the newest sample of a series may be."""
    subquery_step_ms: int = 60_000
    """Of subqueries that name none."""
    max_samples: int = 10_000_000
    """Read for a query, and held at once while it is evaluated."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The moments of one evaluation, with all that it needs."""

    times: Times
    """Milliseconds since 1970, ascending."""
    start_ms: int
    """Of the whole query, also within a subquery."""
    end_ms: int
    samples: Samples
    options: Options

    def looked_at(self, moment: Moment) -> Times:
        """For each moment of evaluation the one whose samples count."""
        fixed = moment.fixed_ms(self.start_ms, self.end_ms)
        times = self.times if fixed is None else np.full_like(self.times, fixed)
        return times - moment.offset_ms

    def within(self, times: Times) -> "Frame":
        """The same for other moments, as those of a subquery."""
        return replace(self, times=times)

    def check_size(self, series: int) -> None:
        """Raise QueryError where so many series are too much at all these moments."""
        if series * len(self.times) > self.options.max_samples:
            raise QueryError(
                f"cannot evaluate: {series} series at {len(self.times)} moments are more than "
                f"{self.options.max_samples} values; ask for fewer series or longer steps"
            )
