"""What becomes of a rule's alerts when it has been looked at. Pure; the semantics of Prometheus."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from intertie.monitor import rule_text
from intertie.monitor.rules import (
    ALERT_NAME,
    NO_DATA,
    RULE,
    RULE_FAILED,
    SEVERITY,
    AlertRule,
    Labels,
    labels_of,
)
from intertie.monitor.sample import NAME_LABEL

Phase = Literal["pending", "firing", "keep_firing", "inactive"]
FAILURES = 3
"""A rule that cannot be looked at so often in a row is told as an alert `RuleFailed`."""
RESOLVED_KEPT_MS = 15 * 60_000
"""How long an alert that has ended is still known."""

_ACTIVE: tuple[Phase, ...] = ("firing", "keep_firing")


@dataclass(frozen=True, slots=True)
class Vector:
    """The value of a rule's expression."""

    values: Sequence[tuple[Labels, float]]
    """Labels of series, with `__name__` where the expression keeps it, and what each measured."""
    recovered: frozenset[Labels] = frozenset()
    """Labels, without a name, for which the rule's recovery expression holds."""


@dataclass(frozen=True, slots=True)
class NoData:
    """There was no sample at all to look at."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The rule could not be looked at."""

    why: str


Outcome = Vector | NoData | Failed


@dataclass(frozen=True, slots=True)
class State:
    """How one alert stands. All times are milliseconds since 1970."""

    phase: Phase
    """`keep_firing`: it fires, though its expression no longer holds."""
    active_at_ms: int
    """Since when it holds: what `for` counts from."""
    value: float
    """When it held last; of `RuleFailed` the number of failures in a row."""
    last_seen_ms: int
    """When it held last."""
    series: Labels = ()
    """The labels its expression gave it, without a name."""
    annotations: Labels = ()
    """Filled in."""
    fired_at_ms: int | None = None
    keep_since_ms: int | None = None
    """Since when it no longer holds: what `keep_firing_for` counts from."""
    resolved_at_ms: int | None = None
    trace: str = ""
    """The look that made it fire, as a traceparent."""

    @property
    def fires(self) -> bool:
        """Whether people are told of it."""
        return self.phase in _ACTIVE


@dataclass(frozen=True, slots=True)
class Transition:
    """An alert that stands otherwise than before."""

    labels: Labels
    """Of the alert: those of its series, those of its rule, and its name."""
    before: Phase | None
    """None: it was not known."""
    after: Phase | None
    """None: it was pending, and holds no longer."""
    state: State
    """As it is now; of one that is gone as it was last."""
    at_ms: int

    @property
    def fired(self) -> bool:
        """Whether it has just begun to fire."""
        return self.after == "firing" and self.before not in _ACTIVE

    @property
    def resolved(self) -> bool:
        """Whether it has just ended, after it fired."""
        return self.after == "inactive"


States = Mapping[Labels, State]


@dataclass(frozen=True, slots=True)
class _Clock:
    now_ms: int
    for_ms: int = 0
    keep_ms: int = 0


def step(
    rule: AlertRule, previous: States, outcome: Outcome, now_ms: int
) -> tuple[States, Sequence[Transition]]:
    """The states after a look at the rule, by labels, and what changed, in the order of labels.

    `previous` are those of this rule only, those of its `NoData` and `RuleFailed` included.
    """
    after = _after(rule, previous, outcome, now_ms)
    return after, tuple(_transitions(previous, after, now_ms))


def _after(rule: AlertRule, previous: States, outcome: Outcome, now_ms: int) -> States:
    if isinstance(outcome, NoData):
        return _without_data(rule, previous, now_ms)
    if isinstance(outcome, Failed):
        return _failed(rule, previous, outcome, now_ms)
    seen = _seen(rule, outcome, now_ms)
    if isinstance(seen, Failed):
        return _failed(rule, previous, seen, now_ms)
    return _looked(rule, previous, seen=seen, recovered=outcome.recovered, now_ms=now_ms)


def _looked(
    rule: AlertRule,
    previous: States,
    *,
    seen: States,
    recovered: frozenset[Labels] | None,
    now_ms: int,
) -> States:
    """`recovered`: None where each that is not seen has."""
    own, about = _parted(rule, previous)
    if rule.recovery is not None and recovered is not None:
        seen = {**_unrecovered(own, recovered), **seen}
    clock = _Clock(now_ms, rule.for_ms, rule.keep_firing_for_ms)
    return {**_advanced(own, seen, clock), **_advanced(about, {}, _Clock(now_ms))}


def _without_data(rule: AlertRule, previous: States, now_ms: int) -> States:
    if rule.no_data == "ok":
        return _looked(rule, previous, seen={}, recovered=None, now_ms=now_ms)
    own, about = _parted(rule, previous)
    labels = _about(rule, NO_DATA)
    seen: dict[Labels, State] = {}
    if rule.no_data == "alert":
        told = labels_of([("summary", f"rule {rule.name} has no data: `{rule.shown}`")])
        seen[labels] = State("pending", now_ms, 0.0, now_ms, annotations=told)
    return {**own, **_advanced(about, seen, _Clock(now_ms, rule.for_ms))}


def _failed(rule: AlertRule, previous: States, outcome: Failed, now_ms: int) -> States:
    labels = _about(rule, RULE_FAILED)
    known = previous.get(labels)
    goes_on = known is not None and known.phase != "inactive"
    failures = known.value + 1 if known and goes_on else 1.0
    told = labels_of(
        [("summary", f"rule {rule.name} cannot be looked at"), ("description", outcome.why)]
    )
    state = State("pending", now_ms, failures, now_ms, annotations=told)
    if known and goes_on:
        state = replace(known, value=failures, last_seen_ms=now_ms, annotations=told)
    if state.phase == "pending" and failures >= FAILURES:
        state = replace(state, phase="firing", fired_at_ms=now_ms)
    return {**previous, labels: state}


def _seen(rule: AlertRule, outcome: Vector, now_ms: int) -> States | Failed:
    """What holds now, by the labels of its alert, as if it had just begun to."""
    seen: dict[Labels, State] = {}
    for measured, value in outcome.values:
        given = dict(measured)
        series = labels_of((name, text) for name, text in measured if name != NAME_LABEL)
        labels = labels_of(series, _filled(rule.labels, given, value), [(ALERT_NAME, rule.name)])
        if labels in seen:
            return Failed(f"two of its series are the same alert {dict(labels)}; tell them apart")
        annotations = _filled(rule.annotations, given, value)
        seen[labels] = State("pending", now_ms, value, now_ms, series, annotations)
    return seen


def _filled(texts: Labels, labels: Mapping[str, str], value: float) -> Labels:
    return tuple((name, rule_text.fill(text, labels, value)) for name, text in texts)


def _unrecovered(own: States, recovered: frozenset[Labels]) -> States:
    """Those that fire on: their expression may hold no longer, but they have not recovered."""
    return {
        labels: state
        for labels, state in own.items()
        if state.fires and state.series not in recovered
    }


def _advanced(known: States, seen: States, clock: _Clock) -> States:
    """One turn of Prometheus' own machine (rules/alerting.go, `Eval`)."""
    merged: dict[Labels, State] = dict(known)
    for labels, fresh in seen.items():
        old = known.get(labels)
        merged[labels] = fresh if old is None or old.phase == "inactive" else _again(old, fresh)
    turned = {
        labels: _held(state, clock) if labels in seen else _missed(state, clock)
        for labels, state in merged.items()
    }
    return {labels: state for labels, state in turned.items() if state is not None}


def _again(old: State, fresh: State) -> State:
    return replace(
        old,
        value=fresh.value,
        annotations=fresh.annotations,
        last_seen_ms=fresh.last_seen_ms,
        keep_since_ms=None,
    )


def _held(state: State, clock: _Clock) -> State:
    if state.phase == "pending" and clock.now_ms - state.active_at_ms >= clock.for_ms:
        return replace(state, phase="firing", fired_at_ms=clock.now_ms)
    return replace(state, phase="firing") if state.phase == "keep_firing" else state


def _missed(state: State, clock: _Clock) -> State | None:
    if state.phase == "pending":
        return None
    if state.phase == "inactive":
        ended = state.resolved_at_ms or 0
        return None if clock.now_ms - ended > RESOLVED_KEPT_MS else state
    since = clock.now_ms if state.keep_since_ms is None else state.keep_since_ms
    if clock.keep_ms > 0 and clock.now_ms - since < clock.keep_ms:
        return replace(state, phase="keep_firing", keep_since_ms=since)
    return replace(state, phase="inactive", keep_since_ms=since, resolved_at_ms=clock.now_ms)


def _parted(rule: AlertRule, states: States) -> tuple[States, States]:
    """Alerts of the rule, and those about it."""
    about = {_about(rule, NO_DATA), _about(rule, RULE_FAILED)}
    return (
        {labels: state for labels, state in states.items() if labels not in about},
        {labels: state for labels, state in states.items() if labels in about},
    )


def _about(rule: AlertRule, name: str) -> Labels:
    own = [(label, text) for label, text in rule.labels if "{{" not in text]
    return labels_of(own, [(ALERT_NAME, name), (RULE, rule.name), (SEVERITY, rule.severity)])


def _transitions(before: States, after: States, now_ms: int) -> Iterable[Transition]:
    for labels in sorted(before.keys() | after.keys()):
        old, new = before.get(labels), after.get(labels)
        was, now = old.phase if old else None, new.phase if new else None
        state = new or old
        if was != now and state and not (was == "inactive" and now is None):
            yield Transition(labels, was, now, state, now_ms)
