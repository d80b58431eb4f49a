"""What all counters have in common."""

from intertie.limits.counters import Counters
from intertie.limits.memory import MemoryCounters
from intertie.limits.shared import SharedCounters
from intertie.suite.bus import QueueConfig
from tests.limits.engine import account


def test_each_kind_of_counters_decides_at_once_without_its_engine() -> None:
    """Memory always can; shared ones, while away, have a behaviour that was declared."""
    kinds: list[Counters] = [
        MemoryCounters(),
        SharedCounters(QueueConfig(), outage="open"),
        SharedCounters(QueueConfig(), outage="closed"),
    ]

    decisions = [each.quick(account((1, 60))) for each in kinds]

    assert [each is not None and each.allowed for each in decisions] == [True, True, False]
