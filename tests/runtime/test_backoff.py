import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intertie.runtime.backoff import Backoff
from intertie.suite.restart import Restart
from tests.runtime.stage import chance


def backoff(**keys: object) -> Backoff:
    """With the longest waits chance can give."""
    rng = chance(0)
    rng.uniform = lambda a, b: b  # type: ignore[method-assign]
    return Backoff(Restart.model_validate({"policy": "always", **keys}), rng)


def test_the_first_restart_comes_at_once_and_later_ones_ever_later() -> None:
    """Exponential up to `max_delay`."""
    chosen = backoff(delay="1s", max_delay="5s")

    waits = [chosen.after_end(ok=False, at_s=0) for _ in range(6)]

    assert waits == [0, 1, 2, 4, 5, 5]


def test_fixed_waits_are_always_the_same() -> None:
    """`backoff: fixed` does not grow."""
    chosen = backoff(backoff="fixed", delay="2s")

    waits = [chosen.after_end(ok=False, at_s=0) for _ in range(4)]

    assert waits == [0, 2, 2, 2]


def test_attempts_are_counted_within_the_window() -> None:
    """One failure more than `max_attempts` gives up; those of long ago do not count."""
    chosen = backoff(max_attempts=2, window="10s", delay="0s")

    waits = [chosen.after_end(ok=False, at_s=at) for at in (0, 1, 10.5, 10.6, 10.7)]

    assert waits == [0, 0, 0, None, None]


def test_waits_begin_anew_after_a_quiet_window() -> None:
    """A service that ran well for the whole window is started at once again."""
    chosen = backoff(delay="1s", window="10s")

    assert [chosen.after_end(ok=False, at_s=at) for at in (0, 0, 30)] == [0, 1, 0]


@pytest.mark.parametrize(
    ("policy", "ok", "is_restarted"),
    [
        ("no", True, False),
        ("no", False, False),
        ("on-failure", True, False),
        ("on-failure", False, True),
        ("always", True, True),
        ("always", False, True),
        ("unless-stopped", True, True),
        ("unless-stopped", False, True),
    ],
)
def test_the_policy_decides(policy: str, ok: bool, is_restarted: bool) -> None:
    """Each policy, for a good and a bad end."""
    assert (backoff(policy=policy).after_end(ok=ok, at_s=0) is not None) is is_restarted


@settings(deadline=None)  # a busy machine is no fault
@given(st.integers(0, 2**32), st.integers(1, 200))
def test_no_wait_is_longer_than_allowed(seed: int, ends: int) -> None:
    """Whatever chance says, a wait lies between zero and `max_delay`."""
    chosen = Backoff(Restart(policy="always", max_delay=30.0), chance(seed))

    waits = [chosen.after_end(ok=False, at_s=float(at)) for at in range(ends)]

    assert all(wait is not None and 0 <= wait <= 30 for wait in waits)
