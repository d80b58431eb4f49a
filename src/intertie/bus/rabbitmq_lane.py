"""What came from one queue and was not handed over yet, and whether more is about to come."""

from collections import deque
from collections.abc import Sequence

from aiormq.abc import DeliveredMessage

from intertie.bus.port import Priority

_GRACE_S = 0.02  # in which the broker answers an ack with the next message
_START_S = 0.25  # in which it begins to send what waits


class Lane:
    """A group's queue of one priority, as one consumer sees it.

    The broker sends at most `prefetch` messages of it. When it has sent so many, and one of them is
    dealt with, it is given a moment to send the next before the turn goes to a lower priority.
    """

    __slots__ = (
        "_due",
        "_due_until",
        "_full",
        "_prefetch",
        "_unacked",
        "priority",
        "queue",
        "waiting",
    )

    def __init__(self, queue: str, priority: Priority, prefetch: int) -> None:
        self.queue = queue
        self.priority: Priority = priority
        self.waiting: deque[DeliveredMessage] = deque()
        self._prefetch = prefetch
        self._unacked = 0
        self._full = False
        self._due = 0
        self._due_until = 0.0

    def begin(self, count: int, now: float) -> None:
        """So many messages wait in the queue."""
        self._due = min(count, self._prefetch)
        self._due_until = now + _START_S

    def arrived(self, raw: DeliveredMessage) -> None:
        """The broker sent it."""
        self.waiting.append(raw)
        self._unacked += 1
        self._full = self._full or self._unacked >= self._prefetch
        if self._due:
            self._due -= 1

    def ended(self, now: float) -> None:
        """One was acked or given back."""
        self._unacked -= 1
        if self._full:
            self._due += 1
            self._due_until = now + _GRACE_S

    def due(self, now: float) -> float:
        """How long to wait for more before a lower priority has its turn; 0 or less: not at all."""
        if self._due and now >= self._due_until:
            self._due = 0
            self._full = False
        return self._due_until - now if self._due else 0.0


def turn(lanes: Sequence[Lane], now: float) -> tuple[Lane | None, float | None]:
    """Whose turn it is, of lanes from high to low; if nobody's, when to ask again at the latest."""
    for lane in lanes:
        if lane.waiting:
            return lane, None
        due = lane.due(now)
        if due > 0:
            return None, due
    return None, None
