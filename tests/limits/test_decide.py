"""The decision: never over, nothing taken by a refusal, never told to come back too early."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from intertie.limits.decide import (
    SLOTS,
    Algorithm,
    Bucket,
    Policy,
    State,
    decide,
    fresh,
    verdict,
)

S = 1_000_000
STEPS = st.lists(st.integers(0, 30 * S), min_size=1, max_size=150)


def _policy(count: int, period_s: int = 60, kind: Algorithm = "sliding") -> Policy:
    return Policy("p", count, period_s * S, kind)


def _allowed(states: Sequence[State], steps: Sequence[int], at_us: int = 10**15) -> list[int]:
    """Times at which a request of each step passed."""
    passed: list[int] = []
    for step in steps:
        at_us += step
        if decide(states, at_us)[0]:
            passed.append(at_us)
    return passed


def _most_within(times: Sequence[int], period_us: int) -> int:
    return max((sum(1 for each in times if t - period_us < each <= t) for t in times), default=0)


@given(steps=STEPS, count=st.integers(1, 9), period_s=st.sampled_from([1, 60, 3600]))
def test_no_stretch_of_a_window_sees_more_than_its_count(
    steps: list[int], count: int, period_s: int
) -> None:
    """Whatever the times of the requests."""
    passed = _allowed([fresh(_policy(count, period_s))], steps)

    assert _most_within(passed, period_s * S) <= count


@given(steps=STEPS, count=st.integers(1, 9))
def test_a_window_refuses_only_what_a_slightly_longer_one_would(
    steps: list[int], count: int
) -> None:
    """The error is bounded: one slot, a 120th of the window."""
    state = fresh(_policy(count))
    at_us, passed = 10**15, list[int]()
    for step in steps:
        at_us += step
        if decide([state], at_us)[0]:
            passed.append(at_us)
        else:
            longer = 60 * S + 60 * S // SLOTS
            assert sum(1 for each in passed if each > at_us - longer) >= count


@given(steps=STEPS, count=st.integers(1, 9))
def test_a_bucket_is_never_over_its_curve(steps: list[int], count: int) -> None:
    """At most its depth at once, and its rate after that: brute force over all pairs."""
    passed = _allowed([fresh(_policy(count, 60, "bucket"))], steps)
    gap_us = 60 * S / count

    for first, start in enumerate(passed):
        for last in range(first, len(passed)):
            assert last - first + 1 <= count + (passed[last] - start) / gap_us


@given(steps=STEPS, counts=st.tuples(st.integers(1, 9), st.integers(1, 30)))
def test_all_windows_agree_or_nothing_is_taken(steps: list[int], counts: tuple[int, int]) -> None:
    """A request refused by one window leaves the other as it was."""
    states = [fresh(_policy(counts[0], 60, "bucket")), fresh(_policy(counts[1], 3600))]
    at_us = 10**15
    for step in steps:
        at_us += step
        before = [state.free(at_us) for state in states]
        granted, standings = decide(states, at_us)
        assert granted == (1 if min(before) > 0 else 0)
        assert [each.remaining for each in standings] == [free - granted for free in before]


@given(
    steps=STEPS,
    count=st.integers(1, 9),
    kind=st.sampled_from(["sliding", "bucket", "fixed"]),
)
def test_who_comes_back_when_told_is_let_in_and_not_before(
    steps: list[int], count: int, kind: Algorithm
) -> None:
    """`retry_after_s` is neither too early nor later than need be."""
    state = fresh(_policy(count, 60, kind))
    at_us = 10**15
    for step in steps:
        at_us += step
        granted, standings = decide([state], at_us)
        if not granted:
            decision = verdict(False, standings)
            wait_us = round(decision.retry_after_s * S)
            assert decision.violated == ("p",)
            assert state.free(at_us + wait_us - 1) == 0
            assert state.free(at_us + wait_us) >= 1
            return


@settings(deadline=None, max_examples=30)
@given(steps=st.lists(st.integers(0, 3 * S), min_size=50, max_size=150))
def test_it_passes_nearly_what_an_exact_log_does(steps: list[int]) -> None:
    """Against a moving window of another library: never more, and few less."""
    exact = MovingWindowRateLimiter(MemoryStorage())
    item = RateLimitItemPerMinute(10)
    state = fresh(_policy(10))
    ours = theirs = 0
    at_us = 10**15
    # That library has no other way to be told the time. A thread of it, too, looks at the clock, at
    # any moment, and forgets what is old by it.
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("time.time", lambda: at_us / S)
        for step in steps:
            at_us += step
            theirs += exact.hit(item)
            ours += decide([state], at_us)[0]

    # Ours holds a request a little longer: what asks just then has to come again.
    assert theirs - max(5, theirs * 0.2) <= ours <= theirs + 1


def test_more_than_is_free_is_granted_in_part() -> None:
    """A lease takes what there is."""
    state = fresh(_policy(10))

    assert decide([state], 10**15, 7)[0] == 7
    assert decide([state], 10**15, 7)[0] == 3
    assert decide([state], 10**15, 7)[0] == 0


def test_a_window_granted_by_the_hour_is_used_nearly_in_full() -> None:
    """Asked all the time, 100 a minute gives at least 97 in each minute of an hour."""
    states = [fresh(_policy(100))]
    passed = _allowed(states, [S // 10] * 36_000)

    assert len(passed) >= 0.97 * 100 * 60
    assert _most_within(passed[:400], 60 * S) <= 100


@pytest.mark.parametrize("kind", ["sliding", "bucket"])
def test_what_may_pass_late_is_held_back(kind: Algorithm) -> None:
    """With a lag, requests that pass up to so much after they were counted are still not over."""
    policy = Policy("p", 10, 60 * S, kind, S)
    state = fresh(policy)
    at_us, counted = 10**15, list[int]()
    for _ in range(3000):
        at_us += S // 10
        counted += [at_us] * decide([state], at_us)[0]

    worst = [each + (S if number % 10 < 5 else 0) for number, each in enumerate(counted)]
    most = 10 if kind == "sliding" else 20
    assert _most_within(sorted(worst), 60 * S) <= most


def test_a_bucket_that_nobody_used_is_full() -> None:
    """Nothing to wait for."""
    bucket = Bucket(_policy(3, 60, "bucket"))

    assert (bucket.free(5), bucket.reset_us(5)) == (3, 0)


def _us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * S


@given(steps=STEPS, count=st.integers(1, 9), period_s=st.sampled_from([1, 60, 3600]))
def test_each_window_of_the_clock_sees_exactly_what_it_may(
    steps: list[int], count: int, period_s: int
) -> None:
    """Never more than its count, and never fewer while requests come."""
    at_us = 10**15
    asked: dict[int, int] = {}
    for step in steps:
        at_us += step
        asked[at_us // (period_s * S)] = asked.get(at_us // (period_s * S), 0) + 1
    passed = _allowed([fresh(_policy(count, period_s, "fixed"))], steps)

    for window, many in asked.items():
        assert sum(1 for each in passed if each // (period_s * S) == window) == min(many, count)


@given(
    st.datetimes(datetime(1970, 1, 1), datetime(2399, 11, 30)),  # noqa: DTZ001 - UTC below
)
def test_a_month_ends_at_the_first_instant_of_the_next(at: datetime) -> None:
    """Whatever its length, in leap years as well."""
    at_us = _us(at.replace(microsecond=0).isoformat())
    end_us = Policy("quota", 1, 30 * 86_400 * S, "fixed", by_month=True).end_us(at_us)
    end = datetime.fromtimestamp(end_us // S, UTC)

    assert (end.day, end.hour, end.minute, end.second) == (1, 0, 0, 0)
    assert (end.year * 12 + end.month) - (at.year * 12 + at.month) == 1


@pytest.mark.parametrize(
    ("now", "reset"),
    [
        ("2026-11-21T12:00:00", "2026-12-01T00:00:00"),
        ("2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        ("2028-02-29T00:00:00", "2028-03-01T00:00:00"),
        ("2026-01-31T10:00:00", "2026-02-01T00:00:00"),
    ],
)
def test_a_quota_of_the_month_is_full_again_on_the_first(now: str, reset: str) -> None:
    """A refusal says to come back then; one second before it is still refused."""
    state = fresh(Policy("quota", 2, 30 * 86_400 * S, "fixed", by_month=True))
    assert decide([state], _us(now), 2)[0] == 2
    granted, standings = decide([state], _us(now))

    assert granted == 0
    assert verdict(False, standings).retry_after_s == (_us(reset) - _us(now)) / S
    assert decide([state], _us(reset) - 1)[0] == 0
    assert decide([state], _us(reset))[0] == 1


def test_a_quota_of_the_day_is_full_again_at_midnight() -> None:
    """Of UTC."""
    state = fresh(_policy(1, 86_400, "fixed"))
    assert decide([state], _us("2026-11-21T23:59:50"))[0] == 1

    _, standings = decide([state], _us("2026-11-21T23:59:50"))

    assert standings[0].reset_us == 10 * S
    assert decide([state], _us("2026-11-22T00:00:00"))[0] == 1
