from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.monitor.rules import AlertRule
from intertie.monitor.states import (
    Failed,
    NoData,
    Outcome,
    State,
    States,
    Transition,
    Vector,
    step,
)

MINUTE = 60_000
WEB = (("job", "web"),)
ALERT = (("alertname", "Down"), ("job", "web"), ("severity", "warning"))
DOWN = Vector([((("__name__", "up"), *WEB), 0.0)])
FINE = Vector([])


def rule(
    *, for_: int = 0, keep: int = 0, recovery: str | None = None, no_data: str = "ok"
) -> AlertRule:
    """`for_` and `keep` in minutes."""
    return AlertRule(
        name="Down",
        expr="up == 0",
        shown="up == 0",
        for_ms=for_ * MINUTE,
        keep_firing_for_ms=keep * MINUTE,
        recovery=recovery,
        labels=(("severity", "warning"),),
        annotations=(("summary", "{{ $labels.job }} is {{ $value }}"),),
        no_data=no_data,  # type: ignore[arg-type]
    )


def after(
    made: AlertRule, outcomes: Sequence[Outcome], states: States | None = None
) -> tuple[States, list[Transition]]:
    """One look a minute."""
    states = states or {}
    told: list[Transition] = []
    for minute, outcome in enumerate(outcomes):
        states, changes = step(made, states, outcome, minute * MINUTE)
        told += changes
    return states, told


def phases(made: AlertRule, outcomes: Sequence[Outcome]) -> str:
    """A letter a minute: pending, firing, keep firing, inactive, or nothing at all."""
    letters = ""
    states: States = {}
    for minute, outcome in enumerate(outcomes):
        states, _ = step(made, states, outcome, minute * MINUTE)
        letters += states[ALERT].phase[0] if ALERT in states else "."
    return letters


def test_without_for_an_alert_fires_at_once() -> None:
    """It bears the labels of its series and its rule, and its texts are filled in."""
    states, told = after(rule(), [DOWN])

    assert states == {
        ALERT: State(
            "firing",
            active_at_ms=0,
            value=0.0,
            last_seen_ms=0,
            series=WEB,
            annotations=(("summary", "web is 0"),),
            fired_at_ms=0,
        )
    }
    assert [(each.before, each.after, each.fired) for each in told] == [(None, "firing", True)]


@pytest.mark.parametrize(
    ("made", "seen", "expected"),
    [
        (rule(for_=2), "xxxx", "ppff"),
        (rule(for_=2), "xx.xxx", "pp.ppf"),
        (rule(keep=2), "x...", "fkki"),
        (rule(keep=2), "x.x...", "fkfkki"),
        (rule(for_=1, keep=2), "xx..xx", "pfkkff"),
        (rule(for_=1, keep=2), "x..", "p.."),
        (rule(), "x.x", "fif"),
        (rule(for_=1), "xx.xx", "pfipf"),
    ],
)
def test_for_and_keep_firing_for_are_those_of_prometheus(
    made: AlertRule, seen: str, expected: str
) -> None:
    """Each letter is a minute; the oracle test says the same of thousands."""
    assert phases(made, [DOWN if each == "x" else FINE for each in seen]) == expected


def test_what_has_ended_is_known_for_a_quarter_of_an_hour() -> None:
    """And then forgotten without a word."""
    letters = phases(rule(), [DOWN, *[FINE] * 18])
    _, told = after(rule(), [DOWN, *[FINE] * 18])

    assert letters == "f" + "i" * 16 + "..."[:2]
    assert [(each.after, each.resolved) for each in told] == [("firing", False), ("inactive", True)]


def test_an_alert_with_a_recovery_ends_only_once_that_holds_for_its_labels() -> None:
    """That of another service is not its own; its expression wins over its recovery."""
    made = rule(recovery="up == 1")
    other = Vector([], frozenset({(("job", "api"),)}))
    own = Vector([], frozenset({WEB}))
    both = Vector(DOWN.values, frozenset({WEB}))

    assert phases(made, [DOWN, FINE, other, both, FINE, own]) == "fffffi"


def test_a_recovery_does_not_hold_a_pending_alert() -> None:
    """Nobody was told of it."""
    assert phases(rule(for_=2, recovery="up == 1"), [DOWN, FINE]) == "p."


def test_keep_firing_for_counts_from_the_recovery() -> None:
    """Until then it held."""
    own = Vector([], frozenset({WEB}))

    assert phases(rule(keep=2, recovery="up == 1"), [DOWN, FINE, own, own, own]) == "ffkki"


@pytest.mark.parametrize(("policy", "expected"), [("ok", "ffi"), ("keep", "fff"), ("alert", "fff")])
def test_no_data_is_what_the_rule_says_of_it(policy: str, expected: str) -> None:
    """Well, or as before."""
    assert phases(rule(no_data=policy), [DOWN, DOWN, NoData()]) == expected


def test_no_data_ends_an_alert_that_waits_for_its_recovery() -> None:
    """A service that is gone for good never recovers."""
    assert phases(rule(recovery="up == 1"), [DOWN, FINE, NoData()]) == "ffi"


def test_no_data_can_be_an_alert_of_its_own_after_the_same_time() -> None:
    """It ends when there is data again."""
    labels = (("alertname", "NoData"), ("rule", "Down"), ("severity", "warning"))

    _, told = after(rule(for_=2, no_data="alert"), [NoData(), NoData(), NoData(), FINE])

    assert [(each.labels, each.after, each.at_ms // MINUTE) for each in told] == [
        (labels, "pending", 0),
        (labels, "firing", 2),
        (labels, "inactive", 3),
    ]


def test_a_failing_look_leaves_all_as_it_was() -> None:
    """Neither ends an alert nor begins one; time goes on for one that is pending."""
    failed = Failed("no")

    assert phases(rule(for_=2), [DOWN, failed, DOWN, failed, FINE]) == "ppffi"


def test_the_third_failure_in_a_row_is_an_alert() -> None:
    """It says why, counts on, and ends with the first look that does not fail."""
    failed = Failed("cannot read the store: it is locked")
    labels = (("alertname", "RuleFailed"), ("rule", "Down"), ("severity", "warning"))

    states, told = after(rule(), [failed, failed, FINE, failed, failed, failed, failed])

    assert [(each.after, each.at_ms // MINUTE) for each in told] == [
        ("pending", 0),
        (None, 2),
        ("pending", 3),
        ("firing", 5),
    ]
    assert states[labels].value == 4
    assert dict(states[labels].annotations)["description"] == failed.why
    _, ended = step(rule(), states, FINE, 7 * MINUTE)
    assert [each.resolved for each in ended] == [True]


def test_two_series_that_are_the_same_alert_are_a_failure() -> None:
    """One would hide the other."""
    twins = Vector([((("__name__", name), *WEB), 0.0) for name in ("a", "b")])

    states, _ = step(rule(), {}, twins, 0)

    ((labels, state),) = states.items()
    assert dict(labels)["alertname"] == "RuleFailed"
    assert "two of its series are the same alert" in dict(state.annotations)["description"]


def test_labels_of_a_rule_are_filled_in() -> None:
    """So that who is told can depend on the series."""
    made = AlertRule("Down", "up == 0", "up == 0", labels=(("team", "{{ $labels.job }}s"),))

    ((labels, _),) = step(made, {}, DOWN, 0)[0].items()

    assert dict(labels) == {"alertname": "Down", "job": "web", "team": "webs"}


OUTCOMES = st.lists(
    st.sampled_from(
        [DOWN, FINE, NoData(), Failed("no"), Vector([], frozenset({WEB}))],
    ),
    max_size=30,
)


@given(OUTCOMES, st.sampled_from(["ok", "alert", "keep"]), st.booleans())
def test_whatever_comes_each_alert_that_fires_ends_once(
    outcomes: list[Outcome], policy: str, recovers: bool
) -> None:
    """Between two beginnings there is an end, and transitions tell the whole story."""
    made = rule(for_=1, keep=2, recovery="up == 1" if recovers else None, no_data=policy)

    states, told = after(made, outcomes)

    firing: set[object] = set()
    for each in told:
        if each.fired:
            assert each.labels not in firing
            firing.add(each.labels)
        if each.resolved:
            firing.remove(each.labels)
    assert firing == {labels for labels, state in states.items() if state.fires}
