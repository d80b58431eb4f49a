"""How limits are told to clients."""

from intertie.gateway.limits.fields import policy_field, retry_after, state_field
from intertie.limits.decide import Decision, Policy, Standing

HOUR = Policy("default", 1000, 3_600_000_000)
MINUTE = Policy("burst", 100, 60_000_000)


def test_policies_are_told_as_the_draft_says() -> None:
    """A list of strings with parameters (RFC 9651)."""
    assert policy_field([HOUR, MINUTE]) == '"default";q=1000;w=3600, "burst";q=100;w=60'


def test_the_state_is_rounded_so_that_nobody_comes_too_early() -> None:
    """A fraction of a second is a second."""
    assert state_field([Standing(MINUTE, 0, 11_000_001)]) == '"burst";r=0;t=12'


def test_the_time_to_wait_is_whole_seconds_and_at_least_one() -> None:
    """Retry-After knows no fractions (RFC 9110)."""
    waits = [retry_after(Decision(False, retry_after_s=each)) for each in (0.0, 0.2, 3.0, 3.001)]

    assert waits == [1, 1, 3, 4]
