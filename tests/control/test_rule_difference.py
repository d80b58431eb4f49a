"""What changed rules would have made of the past, for people."""

from intertie.control.replay_views import moment
from intertie.control.rule_difference import in_brief, lines, unknown
from intertie.monitor.replay import Fired, Replayed
from intertie.monitor.replay_diff import RuleChange
from intertie.monitor.replay_rules import Past, Span
from intertie.monitor.rules import AlertRule

DAY_MS = 86_400_000
OLD, NEW = AlertRule("Full", "a > 1", "a > 1"), AlertRule("Full", "a > 2", "a > 2")
CHANGE = RuleChange("Full", "changed", OLD, NEW)


def past(rule: AlertRule, *fired: Fired, start_ms: int = 0) -> Past:
    """Of a week."""
    found = Replayed(tuple(fired), {})
    return Past(Span(start_ms, 7 * DAY_MS, 60_000), ((rule, found),), is_cut=False)


def test_both_directions_are_told() -> None:
    """What would have fired and did not, and what did and would not have."""
    series = (("shop", "a"),)
    early = Fired((("alertname", "Full"), *series), DAY_MS, DAY_MS + 60_000, 1.0, series)
    late = Fired((("alertname", "Full"), *series), 6 * DAY_MS, None, 1.0, series)

    found = in_brief([CHANGE], past(OLD, early), past(NEW, late), cut="")

    assert list(lines(found)) == [
        "rule Full changed: over the last 7 days it fired once, as written once",
        "  would have fired, and did not: shop=a since 1970-01-07T00:00:00Z",
        "  fired, and would not have: shop=a at 1970-01-02T00:00:00Z for 60 s",
    ]


def test_only_what_both_were_looked_at_counts() -> None:
    """Where there was less time for one of them; it is told that it is cut."""
    early = Fired((), DAY_MS, DAY_MS + 60_000, 1.0)

    found = in_brief([CHANGE], past(OLD, early), past(NEW, start_ms=2 * DAY_MS), cut="no time")

    assert found.rules[0].would_not == ()
    assert list(lines(found))[-1] == "rules over the past: no time"


def test_what_is_not_known_is_told_as_such() -> None:
    """With the names of what changes."""
    found = unknown([CHANGE], moment(0), "another replay runs")

    assert list(lines(found)) == [
        "rule Full changed",
        "what these rules would have told is not known: another replay runs",
    ]
