import json
from dataclasses import replace

import pytest

from intertie.errors import IntertieError
from intertie.monitor.rules import AlertRule
from intertie.monitor.state_rows import from_rows, to_rows
from intertie.monitor.states import Vector, step
from tests.w3c import PARENT

RULE = AlertRule("Hot", "heat > 1", "heat > 1", for_ms=120_000, keep_firing_for_ms=60_000)


def test_what_was_pending_is_pending_since_the_same_moment_after_a_restart() -> None:
    """So that `for` is not begun anew; infinite values survive too."""
    hot = Vector([((("room", "a"),), float("inf")), ((("room", "b"),), 0.1)])
    states, _ = step(RULE, {}, hot, 1_000)

    again = from_rows(json.loads(json.dumps(to_rows(states), allow_nan=False)))

    assert again == states
    after, _ = step(RULE, again, hot, 121_000)
    assert {state.phase for state in after.values()} == {"firing"}
    assert from_rows(json.loads(json.dumps(to_rows(after)))) == after


def test_rows_that_are_none_are_refused_with_their_place() -> None:
    """A damaged store is told, not guessed at."""
    states, _ = step(RULE, {}, Vector([((), 1.0)]), 0)
    (row,) = to_rows(states)

    with pytest.raises(IntertieError, match=r"cannot read states of alerts: 0\.phase: "):
        from_rows([{**row, "phase": "asleep"}])


def test_rows_of_an_earlier_version_have_no_trace() -> None:
    """They are read all the same; those of today keep theirs."""
    states, _ = step(RULE, {}, Vector([((), 1.0)]), 0)
    ((labels, state),) = states.items()
    (row,) = to_rows({labels: replace(state, trace=PARENT)})

    assert from_rows([row])[labels].trace == PARENT
    del row["trace"]
    assert from_rows([row])[labels].trace == ""
