import math

import pytest

from intertie.monitor.promql.tree import QueryError
from tests.monitor.promql.stage import Answer, ask, differs, line

LINES = (
    line("x", "6", job="a", n="1"),
    line("x", "2", job="b", n="1"),
    line("y", "4", job="a", n="1"),
    line("y", "8", job="c", n="1"),
    line("one", "10", job="a", colour="red"),
    line("one", "20", job="b"),
)


def _ask(text: str) -> Answer:
    return ask(text, *LINES, at_s=0)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", 7),
        ("2 ^ 3 ^ 2", 512),
        ("-2 ^ 2", -4),
        ("-7 % 3", -1),
        ("7 / 2 - 1", 2.5),
        ("1 / 0", math.inf),
        ("0 / 0", math.nan),
        ("3 > bool 2", 1),
        ("3 == bool NaN", 0),
        ("NaN != bool NaN", 1),
    ],
)
def test_numbers_are_reckoned_as_floats(text: str, value: float) -> None:
    """Dividing by 0 included."""
    assert not differs(_ask(text), {"{}": value})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x + 1", {'{job="a", n="1"}': 7, '{job="b", n="1"}': 3}),
        ("10 - x", {'{job="a", n="1"}': 4, '{job="b", n="1"}': 8}),
        ("x > 3", {'{__name__="x", job="a", n="1"}': 6}),
        ("3 < x", {'{__name__="x", job="a", n="1"}': 6}),
        ("x > bool 3", {'{job="a", n="1"}': 1, '{job="b", n="1"}': 0}),
        ("-x", {'{job="a", n="1"}': -6, '{job="b", n="1"}': -2}),
        ("x * y", {'{job="a", n="1"}': 24}),
        ("x > y", {'{__name__="x", job="a", n="1"}': 6}),
        ("x < y", {}),
        ("x >= bool y", {'{job="a", n="1"}': 1}),
        ("x - on(job) y", {'{job="a"}': 2}),
        ("x > on(job) y", {'{job="a"}': 6}),
        ("x - ignoring(n) y", {'{job="a"}': 2}),
        ("x * on(job) group_left one", {'{job="a", n="1"}': 60, '{job="b", n="1"}': 40}),
        (
            "x * on(job) group_left(colour) one",
            {'{colour="red", job="a", n="1"}': 60, '{job="b", n="1"}': 40},
        ),
        ("one / on(job) group_right x", {'{job="a", n="1"}': 10 / 6, '{job="b", n="1"}': 10}),
        ("one > on(job) group_right x < 15", {'{__name__="x", job="a", n="1"}': 10}),
        ("x and y", {'{__name__="x", job="a", n="1"}': 6}),
        ("x unless y", {'{__name__="x", job="b", n="1"}': 2}),
        ("x and on() vector(1)",
         {'{__name__="x", job="a", n="1"}': 6, '{__name__="x", job="b", n="1"}': 2}),
        (
            "x or y",
            {
                '{__name__="x", job="a", n="1"}': 6,
                '{__name__="x", job="b", n="1"}': 2,
                '{__name__="y", job="c", n="1"}': 8,
            },
        ),
        ("y > 100 or on(job) vector(0)", {"{}": 0}),
    ],
)  # fmt: skip
def test_series_find_each_other_by_their_labels(text: str, found: Answer) -> None:
    """The name does not count; it stays where the value is one that was measured."""
    assert not differs(_ask(text), found), _ask(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x + on(n) y", 'several of one side have {n="1"}'),
        ("x + on(n) y{job='a'}", "group_left"),
        ("one + on() group_left x", "several of one side have no labels that count"),
        ("x + on(job) group_left(n) one", None),
        ("one + on(job) group_right(n) x", None),
        ("x * on(n) group_left(job) y{job='a'}", "unique"),
    ],
)
def test_series_that_could_meet_several_are_refused(text: str, why: str | None) -> None:
    """Unless the expression says that they may, and the results stay apart."""
    if why is None:
        assert _ask(text)
        return
    with pytest.raises(QueryError, match=why):
        _ask(text)


def test_several_may_meet_where_only_one_is_kept() -> None:
    """A comparison first leaves out, and then there is no question."""
    assert _ask("x > on(n) y{job='a'}") == {'{n="1"}': 6}


def test_none_of_the_other_side_is_no_mistake() -> None:
    """Where there is nothing, nothing is found."""
    assert _ask("x + on(n) nothing") == {}
    assert _ask("nothing + on(n) y") == {}
