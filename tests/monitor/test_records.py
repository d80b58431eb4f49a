"""Recording rules: their order, their faults, what they give."""

import math

import pytest

from intertie.errors import IntertieError
from intertie.monitor.records import RecordingRule, as_samples, ended, faults, recording_rules
from intertie.monitor.sample import Series, is_stale
from intertie.suite.records import Record


def records(**texts: str) -> dict[str, Record]:
    """By name."""
    return {name: Record(expr=text) for name, text in texts.items()}


def test_a_rule_comes_after_those_that_it_reads() -> None:
    """Whatever their order in the file; others by name."""
    found = recording_rules(
        records(a="c + sum by (x) (rate(b[5m]))", b="hits", c='{__name__=~"b|d", x="1"}', d="b * 2")
    )

    assert [each.name for each in found] == ["b", "d", "c", "a"]


@pytest.mark.parametrize(
    ("name", "expr", "why"),
    [
        ("a", "sum(", "cannot use query"),
        ("a", "holt_winters(x[5m], 0.1, 0.1)", "holt_winters"),
        ("a", "up[5m]", "samples over a range are not a result"),
        ("a", '"text"', "its value is a text"),
        ("a", "a + 1", "a reads a: one of them must be computed from something else"),
        ("intertie_http_requests_total", "up", "Intertie measures series of that name itself"),
        ("up", "vector(1)", "Intertie measures"),
        ("revenue", "up", "`monitoring.metrics` has a figure of that name"),
        ("error_rate", "up", "it is a word of short rules"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_is_told(name: str, expr: str, why: str) -> None:
    """With the reason, before anything starts."""
    told = dict(faults(records(**{name: expr, "fine": "up"}), metrics=["revenue"]))

    assert list(told) == [name]
    assert why in told[name]


def test_rules_in_a_circle_are_told() -> None:
    """With the way around it."""
    ((name, why),) = faults(records(a="b", b="c offset 1h", c="a", d="a"))

    assert name in {"a", "b", "c"}
    assert set(why.partition(":")[0].split(" reads ")) == {"a", "b", "c"}
    with pytest.raises(IntertieError, match="reads"):
        recording_rules(records(a="b", b="a"))


def test_series_bear_the_name_and_labels_of_their_rule() -> None:
    """One without a value is taken away."""
    rule = RecordingRule("a", "up", (("job", ""), ("team", "x")))

    found = as_samples(rule, [((("__name__", "up"), ("job", "b"), ("path", "/")), 5.0)])

    assert found == {Series.of("a", {"team": "x", "path": "/"}): 5.0}


def test_two_series_that_become_one_are_refused() -> None:
    """As Prometheus does: nobody could tell which of them is kept."""
    rule = RecordingRule("a", "up", (("job", ""),))

    with pytest.raises(IntertieError, match="it gives a twice"):
        as_samples(rule, [((("job", "b"),), 1.0), ((("job", "c"),), 2.0)])


def test_a_series_that_is_gone_is_ended() -> None:
    """So that nobody takes its last value for today's."""
    here, gone = Series("a"), Series.of("a", {"x": "1"})

    (end,) = ended([here, gone], [here])

    assert end.series == gone
    assert is_stale(end.value)
    assert math.isnan(end.value)
