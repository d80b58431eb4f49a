"""Whether one more request is within all of its limits. Pure: states and the time go in.

A request is held against several meters at once, and takes from all of them or from none. Three
ways of counting, the same here and in the script that the counter engine runs:

- sliding: a window is cut into `SLOTS` slots, and a slot counts until all of it has left the
  window. Never more than `count` pass in any stretch of the window's length. The price: a request
  counts for up to one slot longer than it must, 1/120 of the window (two with leases).
- bucket: the generic cell rate algorithm; `count` at once, refilled evenly.
- fixed: `count` in each second, minute, hour, day or month of UTC's calendar. The price: at the
  turn of two windows up to twice as many may pass in one stretch of their length.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

SLOTS = 120
MICROSECONDS = 1_000_000
Algorithm = Literal["sliding", "bucket", "fixed"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_PAST_MONTH = timedelta(days=32)


@dataclass(frozen=True, slots=True)
class Policy:
    """One window of one limit. `lag_us` is how long after it was counted a request may pass."""

    name: str
    count: int
    period_us: int
    algorithm: Algorithm = "sliding"
    lag_us: int = 0
    by_month: bool = False
    """A fixed window ends with the month; `period_us` is only how long that is about."""

    @property
    def slot_us(self) -> int:
        """Length of a slot; rounded up, so that the slots cover the window."""
        return -(-self.period_us // SLOTS)

    @property
    def kept(self) -> int:
        """Slots that count beside the one of now."""
        return SLOTS + (-(-self.lag_us // self.slot_us))

    @property
    def gap_us(self) -> int:
        """Time in which a bucket gets one back."""
        return -(-self.period_us // self.count)

    @property
    def depth_us(self) -> int:
        """What a full bucket is worth; that which may pass late is held back."""
        return max(self.count * self.gap_us - self.lag_us, self.gap_us)

    def end_us(self, now_us: int) -> int:
        """When the fixed window of `now_us` ends, microseconds since 1970."""
        if not self.by_month:
            return (now_us // self.period_us + 1) * self.period_us
        first = (_EPOCH + now_us * _MICROSECOND).replace(
            day=1, hour=0, minute=0, second=0, microsecond=0
        )
        return ((first + _PAST_MONTH).replace(day=1) - _EPOCH) // _MICROSECOND


@dataclass(frozen=True, slots=True)
class Meter:
    """A policy and whom it counts."""

    key: str
    policy: Policy


class Standing(NamedTuple):
    """How a policy stands after a decision."""

    policy: Policy
    remaining: int
    reset_us: int
    """Until more is free; 0 if all is."""


class Decision(NamedTuple):
    """What was decided, and why."""

    allowed: bool
    standings: tuple[Standing, ...] = ()
    retry_after_s: float = 0.0
    """Not before this has passed would the same request be allowed."""
    violated: tuple[str, ...] = ()
    """Names of the policies that refuse."""
    away: bool = False
    """The counters could not be asked."""


ALLOWED = Decision(True)


@dataclass(slots=True)
class Sliding:
    """What a sliding window remembers: only slots in which something passed, oldest first."""

    policy: Policy
    total: int = 0
    slots: deque[list[int]] = field(default_factory=deque[list[int]])
    slot_us: int = field(init=False)
    kept: int = field(init=False)

    def __post_init__(self) -> None:
        self.slot_us, self.kept = self.policy.slot_us, self.policy.kept

    def free(self, now_us: int) -> int:
        """How many may pass now."""
        oldest = now_us // self.slot_us - self.kept
        slots = self.slots
        while slots and slots[0][0] < oldest:
            self.total -= slots.popleft()[1]
        return self.policy.count - self.total

    def take(self, many: int, now_us: int) -> None:
        """Count them."""
        slot = now_us // self.slot_us
        self.total += many
        if self.slots and self.slots[-1][0] >= slot:
            self.slots[-1][1] += many
        else:
            self.slots.append([slot, many])

    def reset_us(self, now_us: int) -> int:
        """Time until the oldest slot leaves."""
        if not self.slots:
            return 0
        return (self.slots[0][0] + self.kept + 1) * self.slot_us - now_us


@dataclass(slots=True)
class Bucket:
    """What a bucket remembers: when it will be full again."""

    policy: Policy
    full_at_us: int = 0

    def free(self, now_us: int) -> int:
        """How many may pass now."""
        owed = max(self.full_at_us - now_us, 0)
        return max(self.policy.depth_us - owed, 0) // self.policy.gap_us

    def take(self, many: int, now_us: int) -> None:
        """Count them."""
        self.full_at_us = max(self.full_at_us, now_us) + many * self.policy.gap_us

    def reset_us(self, now_us: int) -> int:
        """Time until one more is free."""
        owed = self.full_at_us - now_us
        if owed <= 0:
            return 0
        room = self.policy.depth_us - owed
        return self.policy.gap_us - room % self.policy.gap_us


@dataclass(slots=True)
class Fixed:
    """What a window of the calendar remembers."""

    policy: Policy
    total: int = 0
    end_us: int = 0

    def free(self, now_us: int) -> int:
        """How many may pass now."""
        if now_us >= self.end_us:
            self.total, self.end_us = 0, self.policy.end_us(now_us)
        return self.policy.count - self.total

    def take(self, many: int, now_us: int) -> None:
        """Count them; `free` was asked before."""
        self.total += many

    def reset_us(self, now_us: int) -> int:
        """Time until the window ends."""
        return self.end_us - now_us if self.total else 0


State = Sliding | Bucket | Fixed
_STATES: dict[Algorithm, type[State]] = {"sliding": Sliding, "bucket": Bucket, "fixed": Fixed}


def fresh(policy: Policy) -> State:
    """The state in which nothing has passed."""
    return _STATES[policy.algorithm](policy)


def decide(states: Sequence[State], now_us: int, want: int = 1) -> tuple[int, tuple[Standing, ...]]:
    """Take as many as `want` from all states, or none; how many, and how each stands after it."""
    free = [state.free(now_us) for state in states]
    granted = max(min((want, *free)), 0)
    standings: list[Standing] = []
    for state, left in zip(states, free, strict=True):
        if granted:
            state.take(granted, now_us)
        standings.append(Standing(state.policy, max(left - granted, 0), state.reset_us(now_us)))
    return granted, tuple(standings)


def take_one(states: Sequence[State], now_us: int) -> bool:
    """Take one from all states, or none; whether it was taken."""
    for state in states:
        if state.free(now_us) < 1:
            return False
    for state in states:
        state.take(1, now_us)
    return True


def standing(state: State, now_us: int) -> Standing:
    """How it stands; nothing is taken."""
    return Standing(state.policy, max(state.free(now_us), 0), state.reset_us(now_us))


def verdict(allowed: bool, standings: tuple[Standing, ...]) -> Decision:
    """A decision from how the policies stand after it."""
    if allowed:
        return Decision(True, standings)
    empty = [each for each in standings if each.remaining == 0]
    wait_us = max((each.reset_us for each in empty), default=0)
    names = tuple(each.policy.name for each in empty)
    return Decision(False, standings, wait_us / MICROSECONDS, names)
