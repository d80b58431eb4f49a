import math

import pytest

from intertie.monitor.promql.tree import QueryError
from tests.monitor.promql.stage import Answer, ask, differs, line

LINES = (
    line("x", "1", job="a", n="1"),
    line("x", "4", job="a", n="2"),
    line("x", "4", job="b", n="1"),
    line("x", "7", job="b", n="2"),
)


def _ask(text: str) -> Answer:
    return ask(text, *LINES, at_s=0)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sum(x)", {"{}": 16}),
        ("sum by (job) (x)", {'{job="a"}': 5, '{job="b"}': 11}),
        ("sum without (n) (x)", {'{job="a"}': 5, '{job="b"}': 11}),
        ("sum by (nothing) (x)", {"{}": 16}),
        ("sum by (__name__) (x)", {'{__name__="x"}': 16}),
        ("avg(x)", {"{}": 4}),
        ("min by (n) (x)", {'{n="1"}': 1, '{n="2"}': 4}),
        ("max by (n) (x)", {'{n="1"}': 4, '{n="2"}': 7}),
        ("count(x > 3)", {"{}": 3}),
        ("group by (job) (x)", {'{job="a"}': 1, '{job="b"}': 1}),
        ("stdvar(x)", {"{}": 4.5}),
        ("stddev(x)", {"{}": math.sqrt(4.5)}),
        ("quantile(0.5, x)", {"{}": 4}),
        ("quantile by (job) (0.25, x)", {'{job="a"}': 1.75, '{job="b"}': 4.75}),
        ("quantile(7, x)", {"{}": math.inf}),
        ("count_values('v', x)", {'{v="1"}': 1, '{v="4"}': 2, '{v="7"}': 1}),
        ("count_values by (n) ('v', x > 3)",
         {'{n="1", v="4"}': 1, '{n="2", v="4"}': 1, '{n="2", v="7"}': 1}),
        ("count_values without (n) ('v', x < 5)",
         {'{job="a", v="1"}': 1, '{job="a", v="4"}': 1, '{job="b", v="4"}': 1}),
        ("count_values('v', x / 0)", {'{v="+Inf"}': 4}),
        ("sum(nothing)", {}),
    ],
)  # fmt: skip
def test_each_group_becomes_one_series(text: str, found: Answer) -> None:
    """With the labels that make the group; of nothing there is nothing."""
    assert not differs(_ask(text), found), _ask(text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("topk(2, x)", [7, 4]),
        ("bottomk(3, x)", [1, 4, 4]),
        ("topk by (job) (1, x)", [4, 7]),
        ("topk(99, x)", [7, 4, 4, 1]),
        ("topk(0, x)", []),
        ("topk(-3, x)", []),
        ("topk(scalar(vector(1.9)), x)", [7]),
    ],
)
def test_the_best_of_each_group_are_kept(text: str, values: list[float]) -> None:
    """With all their labels, best first."""
    found = _ask(text) or {}

    assert list(found.values()) == values
    assert all(key.startswith('{__name__="x", ') for key in found)


def test_what_is_no_number_of_series_is_refused() -> None:
    """A count must be one."""
    with pytest.raises(QueryError, match="NaN is no number of series"):
        _ask("topk(NaN, x)")


def test_nan_is_worst_and_passed_over() -> None:
    """It is never the largest or the smallest while there is another value."""
    odd = (line("x", "nan", a="1"), line("x", "2", a="2"))

    assert ask("topk(1, x)", *odd, at_s=0) == {'{__name__="x", a="2"}': 2}
    assert ask("bottomk(1, x)", *odd, at_s=0) == {'{__name__="x", a="2"}': 2}
    assert ask("max(x) + min(x)", *odd, at_s=0) == {"{}": 4}
    assert not differs(ask("sum(x)", *odd, at_s=0), {"{}": math.nan})
