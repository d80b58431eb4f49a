"""What a change of rules would have made of the past."""

from intertie.monitor.replay import Fired
from intertie.monitor.replay_diff import changes, only_in
from intertie.monitor.rules import AlertRule, Rules


def test_rules_are_compared_by_name() -> None:
    """New, changed and removed ones; those that are the same are none of them."""
    same = AlertRule("Same", "a", "a")
    old = Rules((same, AlertRule("Gone", "b", "b"), AlertRule("Other", "c > 1", "c > 1")))
    new = Rules((same, AlertRule("Fresh", "d", "d"), AlertRule("Other", "c > 2", "c > 2")))

    found = changes(old, new)

    assert [(each.name, each.what) for each in found] == [
        ("Fresh", "new"),
        ("Gone", "removed"),
        ("Other", "changed"),
    ]


def test_firings_are_the_same_where_they_meet() -> None:
    """Of one series, at overlapping times; whatever labels the rule gives them."""
    a, b = (("job", "a"),), (("job", "b"),)
    early, late = Fired((), 0, 10, 1.0, a), Fired((), 20, None, 1.0, a)
    around, other = Fired((("x", "y"),), 5, 15, 1.0, a), Fired((), 0, None, 1.0, b)

    assert only_in([early, late, other], [around]) == [late, other]
    assert only_in([around], [early, late]) == []
    assert only_in([late], [Fired((), 30, None, 1.0, a)]) == []
