"""Guessing is made slow."""

from hypothesis import given
from hypothesis import strategies as st

from intertie.identity.throttle import Pace, Throttle
from tests.identity.house import Clock


def _throttle(size: int = 100) -> tuple[Throttle, Clock]:
    clock = Clock()
    return Throttle(Pace(free=3, first_s=1, most_s=60), now=clock, size=size), clock


def test_some_failures_are_free_then_delays_double() -> None:
    """Up to the longest delay, and no further."""
    throttle, _ = _throttle()
    waits: list[float] = []

    for _ in range(12):
        waits.append(throttle.wait_s("ann"))
        throttle.begin("ann")

    assert waits == [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_delay_passes() -> None:
    """Who waits may try again; the wait shrinks meanwhile."""
    throttle, clock = _throttle()
    for _ in range(5):
        throttle.begin("ann")

    clock.move(3)

    assert throttle.wait_s("ann") == 1
    clock.move(1)
    assert throttle.wait_s("ann") == 0
    assert throttle.wait_s("bob") == 0


def test_success_and_time_forget() -> None:
    """After a success, or an hour of silence, all failures are free again."""
    throttle, clock = _throttle()
    for _ in range(9):
        throttle.begin("ann")
        throttle.begin("bob")

    throttle.forgive("ann")
    clock.move(3601)
    throttle.begin("bob")

    assert throttle.wait_s("ann") == 0
    assert throttle.wait_s("bob") == 0


def test_an_undone_try_leaves_the_others() -> None:
    """One success at a shared address does not forgive the failures there."""
    throttle, _ = _throttle()
    for _ in range(4):
        throttle.begin("10.0.0.1")

    throttle.undo("10.0.0.1")

    assert throttle.wait_s("10.0.0.1") == 1
    throttle.undo("unknown")


@given(names=st.lists(st.text(max_size=4), max_size=200))
def test_memory_is_bounded(names: list[str]) -> None:
    """Whoever tries many names makes older ones forgotten, never the process large."""
    throttle, _ = _throttle(size=5)

    for name in names:
        throttle.begin(name)

    assert len(vars(throttle)["_counts"]) <= 5
