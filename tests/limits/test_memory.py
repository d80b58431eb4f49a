"""Counters in the memory of one process."""

from time import time
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.limits.counters import Account
from intertie.limits.decide import MICROSECONDS, Algorithm, Decision, Meter, Policy
from intertie.limits.memory import MemoryCounters, monotonic_us

pytestmark = pytest.mark.anyio

ALGORITHMS: tuple[Algorithm, ...] = get_args(Algorithm)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.us = 10**12

    def __call__(self) -> int:
        """In microseconds."""
        return self.us


def _account(name: str, *counts: int) -> Account:
    periods = (60, 3600)
    meters = (
        Meter(f"{name}|{period}", Policy(f"p{period}", count, period * MICROSECONDS))
        for count, period in zip(counts, periods, strict=False)
    )
    return Account(name, "acme", tuple(meters))


def test_clients_are_counted_apart() -> None:
    """What one uses up is not the other's."""
    counters = MemoryCounters(now_us=Clock())

    allowed = [counters.quick(_account(name, 1)).allowed for name in ("ada", "ada", "eve")]

    assert allowed == [True, False, True]


def test_what_was_used_comes_back_with_time() -> None:
    """After the window has gone by."""
    clock = Clock()
    counters = MemoryCounters(now_us=clock)
    ada = _account("ada", 2)

    used = [counters.quick(ada).allowed for _ in range(3)]
    refused = counters.quick(ada)
    clock.us += round(refused.retry_after_s * MICROSECONDS)

    assert used == [True, True, False]
    assert counters.quick(ada).allowed


@given(
    steps=st.lists(st.integers(0, 30 * MICROSECONDS), min_size=1, max_size=60),
    counts=st.lists(st.integers(1, 9), min_size=1, max_size=2),
    algorithm=st.sampled_from(ALGORITHMS),
)
def test_who_asks_for_less_gets_the_same(
    steps: list[int], counts: list[int], algorithm: Algorithm
) -> None:
    """What is allowed; a refusal says as much; how meters stand is left out."""
    meters = tuple(
        Meter(f"{n}", Policy(f"p{n}", count, (60 + n) * MICROSECONDS, algorithm))
        for n, count in enumerate(counts)
    )
    clock = Clock()
    one, other = MemoryCounters(now_us=clock), MemoryCounters(now_us=clock)
    for step in steps:
        clock.us += step
        told = one.quick(Account("ada", "acme", meters))
        brief = other.quick(Account("ada", "acme", meters, tells=False))
        assert brief == (Decision(True) if told.allowed else told)


async def test_usage_takes_nothing_and_remembers_nobody() -> None:
    """Asking for the usage of strangers fills no memory."""
    counters = MemoryCounters(now_us=Clock())
    ada = _account("ada", 2, 5)
    await counters.take(ada)

    found = [await counters.usage(ada) for _ in range(3)]
    await counters.usage(_account("eve", 1))

    assert [[each.remaining for each in standings] for standings in found] == [[1, 4]] * 3
    assert len(counters) == 2


def test_memory_is_bounded_and_the_busy_are_remembered() -> None:
    """Of too many clients those go that were not seen for longest."""
    counters = MemoryCounters(now_us=Clock(), max_meters=100)
    ada = _account("ada", 150)
    for number in range(1000):
        counters.quick(_account(f"user{number}", 1))
        if number % 10 == 0:
            counters.quick(ada)

    assert len(counters) == 100
    assert counters.quick(ada).standings[0].remaining == 150 - 101


def test_a_new_rate_does_not_forgive_what_has_passed() -> None:
    """The window keeps its count when the rate is changed."""
    counters = MemoryCounters(now_us=Clock())
    for _ in range(5):
        counters.quick(_account("ada", 10))

    decision = counters.quick(_account("ada", 6))

    assert (decision.allowed, decision.standings[0].remaining) == (True, 0)
    assert not counters.quick(_account("ada", 6)).allowed


def test_the_clock_goes_on() -> None:
    """And never back."""
    assert monotonic_us() <= monotonic_us()


async def test_a_quota_of_the_calendar_is_full_again_at_its_border() -> None:
    """By the clock that is UTC."""
    now = [monotonic_us()]
    counters = MemoryCounters(now_us=lambda: now[0])
    policy = Policy("quota", 2, 86_400 * MICROSECONDS, "fixed")
    who = Account("ada", "acme", (Meter("ada|quota", policy),))

    first = [counters.quick(who) for _ in range(3)]
    now[0] = policy.end_us(now[0])
    after = counters.quick(who)

    assert [each.allowed for each in first] == [True, True, False]
    assert after.allowed
    assert abs(monotonic_us() / MICROSECONDS - time()) < 60
