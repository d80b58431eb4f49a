"""What the collector asks each interval."""

from collections.abc import Sequence
from typing import Protocol

from intertie.monitor.sample import Sample


class Collects(Protocol):
    """A source of samples. Each series is told once a look."""

    @property
    def name(self) -> str:
        """Of the source: the label `source` of its failures."""
        ...

    async def collect(self, at_ms: int) -> Sequence[Sample]:
        """What is so now; `at_ms` (since 1970) is the moment all of this look is kept under.

        It may be cancelled when it takes too long. Raises IntertieError where nothing can be told.
        """
        ...
