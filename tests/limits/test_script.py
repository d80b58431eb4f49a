"""The words that the script is told; what it does with them is tested with the engine."""

from intertie.limits.decide import MICROSECONDS, SLOTS, Policy
from intertie.limits.script import words


def test_an_entry_lives_longer_than_it_counts() -> None:
    """And not for ever: clients that are gone leave nothing."""
    for period_s in (1, 60, 3600, 86_400):
        policy = Policy("p", 10, period_s * MICROSECONDS)
        ttl_ms = words(policy)[-1]
        assert isinstance(ttl_ms, int)
        assert (policy.kept + 1) * policy.slot_us < ttl_ms * 1000 < period_s * 3_000_000 + 10**8


def test_a_window_is_told_by_its_slots_and_a_bucket_by_its_gap() -> None:
    """In microseconds."""
    window = Policy("p", 10, 60 * MICROSECONDS)
    bucket = Policy("p", 10, 60 * MICROSECONDS, "bucket")

    assert words(window)[:4] == ("sliding", 10, 500_000, SLOTS)
    assert words(bucket)[:4] == ("bucket", 10, 6_000_000, 60_000_000)
