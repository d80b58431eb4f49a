from itertools import product

import pytest

from intertie.monitor.promql.query import QueryError, compile
from intertie.monitor.promql.signatures import AGGREGATORS, FUNCTIONS, OPERATORS
from tests.monitor.promql.stage import ask, line

ARGUMENTS = (
    "x", "x[1m]", "0.5, x", "0.5, x[1m]", "x[1m], 1", "x, 1", "x, 1, 2", "1", "",
    'x, "a", "$1", "b", "(.*)"',
)  # fmt: skip
LINE = line("x", "1 2 3 4 5", le="1")


def _taken(name: str) -> list[str]:
    """Each way in which the function may be called."""
    calls: list[str] = []
    for arguments in ARGUMENTS:
        try:
            compile(f"{name}({arguments})")
        except QueryError:
            continue
        calls.append(f"{name}({arguments})")
    return calls


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_each_function_named_is_there(name: str) -> None:
    """In all forms that the parser takes."""
    calls = _taken(name)

    assert calls
    for call in calls:
        assert ask(call, LINE) is not None


@pytest.mark.parametrize("name", sorted(AGGREGATORS))
def test_each_aggregation_named_is_there(name: str) -> None:
    """With the parameter that it needs."""
    parameter = {"topk": "1, ", "bottomk": "1, ", "quantile": "1, ", "count_values": "'v', "}

    assert ask(f"{name}({parameter.get(name, '')}x)", LINE)


@pytest.mark.parametrize(
    ("name", "sides"), list(product(sorted(OPERATORS), [("x", "x"), ("x", "5")]))
)
def test_each_operator_named_is_there(name: str, sides: tuple[str, str]) -> None:
    """Between series, and between series and a number where that has a meaning."""
    if name.isalpha() and sides[1] == "5":
        with pytest.raises(QueryError, match="not allowed"):
            compile(f"x {name} 5")
    else:
        assert ask(f"{sides[0]} {name} {sides[1]}", LINE) is not None
