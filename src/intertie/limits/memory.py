"""Counters in the memory of one process."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from time import monotonic_ns, time_ns

from intertie.limits.counters import Account
from intertie.limits.decide import (
    ALLOWED,
    Decision,
    Meter,
    Policy,
    Standing,
    State,
    decide,
    fresh,
    standing,
    take_one,
    verdict,
)

MAX_METERS = 100_000
_BEGAN_NS = time_ns() - monotonic_ns()


def monotonic_us() -> int:
    """UTC as it was when this process began, and steady since: nobody can set it back."""
    return (_BEGAN_NS + monotonic_ns()) // 1000


class MemoryCounters:
    """Forgets the meters that were not asked for longest, when there are too many."""

    def __init__(
        self, *, now_us: Callable[[], int] = monotonic_us, max_meters: int = MAX_METERS
    ) -> None:
        self._now_us = now_us
        self._max = max_meters
        self._states: OrderedDict[str, State] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def quick(self, account: Account) -> Decision:
        """See Counters."""
        states, now_us = self._of(account), self._now_us()
        if not account.tells and take_one(states, now_us):
            return ALLOWED
        granted, standings = decide(states, now_us)
        return verdict(granted == 1, standings)

    async def take(self, account: Account) -> Decision:
        """See Counters."""
        return self.quick(account)

    async def usage(self, account: Account) -> tuple[Standing, ...]:
        """See Counters."""
        now_us = self._now_us()
        states = self._states
        found = (
            self._state(meter) if meter.key in states else fresh(meter.policy)
            for meter in account.meters
        )
        return tuple(standing(state, now_us) for state in found)

    def _of(self, account: Account) -> Sequence[State]:
        found = [self._state(meter) for meter in account.meters]
        while len(self._states) > self._max:
            self._states.popitem(last=False)
        return found

    def _state(self, meter: Meter) -> State:
        state = self._states.get(meter.key)
        if state is None:
            state = self._states[meter.key] = fresh(meter.policy)
            return state
        self._states.move_to_end(meter.key)
        if state.policy is not meter.policy and state.policy != meter.policy:
            state = self._states[meter.key] = _adapted(state, meter.policy)
        return state


def _adapted(state: State, policy: Policy) -> State:
    """A rate that changes does not forgive what has passed."""
    same_kind = state.policy.algorithm == policy.algorithm
    same_time = (state.policy.period_us, state.policy.lag_us) == (policy.period_us, policy.lag_us)
    if not (same_kind and same_time):
        return fresh(policy)
    state.policy = policy
    return state
