from collections.abc import Sequence

import pytest

from intertie.errors import IntertieError
from intertie.monitor.rule_look import look
from intertie.monitor.rules import AlertRule, Labels
from intertie.monitor.states import Failed, NoData, Vector

pytestmark = pytest.mark.anyio

RULE = AlertRule("Down", "up == 0", "up == 0", recovery="up == 1")
NAMED = (("__name__", "up"), ("job", "web"))


async def _evaluate(expr: str, at_ms: int) -> Sequence[tuple[Labels, float]] | None:
    if at_ms == 0:
        return None
    if at_ms == 1:
        raise IntertieError(f"cannot evaluate {expr}: no")
    return [(NAMED, 1.0)] if expr == "up == 1" else []


async def test_a_look_gives_the_value_and_who_has_recovered() -> None:
    """Recovered ones are told without a name: that of the expression may be another."""
    assert await look(RULE, _evaluate, 2) == Vector([], frozenset({(("job", "web"),)}))


async def test_no_sample_is_not_the_same_as_an_empty_value() -> None:
    """What it means is for the rule to say."""
    assert await look(RULE, _evaluate, 0) == NoData()


async def test_an_error_is_an_outcome() -> None:
    """So that one bad rule does not stop the others."""
    assert await look(RULE, _evaluate, 1) == Failed("cannot evaluate up == 0: no")
