from datetime import UTC, datetime, timedelta

from intertie.runtime.history import HealthHistory, Turn
from intertie.suite.health import Flapping

START = datetime(2026, 1, 1, tzinfo=UTC)
RULE = Flapping(changes=3, window=10)


def at(seconds: float) -> datetime:
    """A moment of the test."""
    return START + timedelta(seconds=seconds)


def note(history: HealthHistory, *seconds: float) -> list[bool]:
    """Changes at these times; for each whether it began the flapping."""
    return [history.note(Turn(at(s), i % 2 == 0, ""), RULE) for i, s in enumerate(seconds)]


def test_too_many_changes_within_the_window_are_flapping_and_told_once() -> None:
    """The third within ten seconds is the one that is told; the fourth only goes on."""
    assert note(HealthHistory(), 0, 4, 9, 10) == [False, False, True, False]


def test_changes_far_apart_are_not_flapping() -> None:
    """Each may be believed."""
    assert note(HealthHistory(), 0, 8, 16, 24) == [False] * 4


def test_flapping_is_over_when_it_was_quiet_for_the_window() -> None:
    """And begins anew only with as many changes again."""
    history = HealthHistory()
    note(history, 0, 1, 2)

    assert history.is_flapping(at(12))
    assert not history.is_flapping(at(12.1))
    assert not history.note(Turn(at(20), up=True, reason=""), RULE)
    assert [turn.at for turn in history.turns] == [at(0), at(1), at(2), at(20)]
