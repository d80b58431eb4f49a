"""Alert rules as they are looked at, made from what the suite file says."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Literal

from intertie.errors import IntertieError
from intertie.monitor import rule_text
from intertie.monitor.sugar import WORDS, Compiled, Unit, compile_rule_text
from intertie.suite.monitoring import Alarming, Inhibition, Rule, Severity

Labels = tuple[tuple[str, str], ...]
"""Sorted by name; no empty value."""

ALERT_NAME = "alertname"
SEVERITY = "severity"
RULE = "rule"
"""On an alert about a rule: its name."""
NO_DATA = "NoData"
RULE_FAILED = "RuleFailed"
FULLNESS = "intertie_store_fullness_ratio"
"""Share of the store's largest size in use, from 0 to 1."""

_SIMPLE = re.compile(r"\s*([a-zA-Z_:][\w:]*)\s*(\{[^}]*\})?\s*(>=|<=|==|!=|>|<)\s*-?[0-9.e]+\s*")
_VALUES = {
    Unit.PERCENT: '{{ printf "%.2f%%" $value }}',
    Unit.SECONDS: '{{ printf "%.3f s" $value }}',
    Unit.BYTES: '{{ printf "%.0f bytes" $value }}',
}
"""How a value is told in its unit."""
_LEVELS: tuple[Severity, ...] = ("critical", "warning")


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One rule; its alerts bear its name."""

    name: str
    expr: str
    """PromQL; each series of its value is an alert."""
    shown: str
    """As it was written."""
    for_ms: int = 0
    keep_firing_for_ms: int = 0
    recovery: str | None = None
    """PromQL; an alert that fires ends only once its labels are in this one's value."""
    severity: Severity = "warning"
    labels: Labels = ()
    """Set on each alert, the severity included; templates."""
    annotations: Labels = ()
    """Texts for people; templates."""
    no_data: Literal["ok", "alert", "keep"] = "ok"


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that is looked at, and which alert hides which."""

    rules: tuple[AlertRule, ...] = ()
    inhibitions: tuple[Inhibition, ...] = ()
    """Those of the suite file, and one for each word that is both critical and warning."""


_OWN = (
    AlertRule(
        name="MetricsStoreFull",
        expr=f"{FULLNESS} > 0.9",
        shown=f"{FULLNESS} > 90%",
        for_ms=60_000,
        labels=((SEVERITY, "warning"),),
        annotations=(
            (
                "summary",
                "the store of samples is nearly full: the oldest go soon; see"
                " `monitoring.metrics_collection.retention`",
            ),
        ),
    ),
)
"""What monitoring looks at by itself."""


@dataclass(frozen=True, slots=True)
class _Short:
    severity: Severity
    compiled: Compiled
    name: str


def rules_of(alarming: Alarming, *, own: Collection[str] = ()) -> Rules:
    """Every rule, critical short ones first, then those for warning, then whole ones by name.

    `own` names metrics of the suite. Raises IntertieError with every rule that cannot be used.
    """
    faults: list[str] = []
    short = list(_short(alarming, own, faults))
    rules = [_short_rule(each) for each in short]
    for name, rule in sorted(alarming.rules.items()):
        try:
            rules.append(_whole_rule(name, rule, own))
        except IntertieError as exc:
            faults.append(f"cannot use rule {name}: {exc}")
    faults += _repeated(rules)
    if faults:
        raise IntertieError("\n".join(faults))
    return Rules(tuple(rules), (*alarming.inhibit, *_hidden(short)))


def with_own(rules: Rules) -> Rules:
    """And what monitoring looks at in any suite, unless a rule of the suite has that name."""
    taken = {rule.name for rule in rules.rules}
    return replace(rules, rules=(*rules.rules, *(own for own in _OWN if own.name not in taken)))


def labels_of(*parts: Iterable[tuple[str, str]]) -> Labels:
    """Together in one order; later ones win, and one without a value is none."""
    told = {name: value for part in parts for name, value in part}
    return tuple(sorted((name, value) for name, value in told.items() if value))


def _short(alarming: Alarming, own: Collection[str], faults: list[str]) -> Iterable[_Short]:
    for severity in _LEVELS:
        texts = alarming.critical if severity == "critical" else alarming.warning
        for text in texts:
            try:
                compiled = compile_rule_text(text, own=own)
            except IntertieError as exc:
                faults.append(str(exc))
                continue
            yield _Short(severity, compiled, _name(compiled, severity))


def _name(compiled: Compiled, severity: Severity) -> str:
    """`ErrorRateCritical`; a longer expression's is made of its text, whatever its neighbours."""
    simple = _SIMPLE.fullmatch(compiled.promql)
    about = compiled.word or (simple[1] if simple else None)
    if about is None:
        digest = sha256(compiled.promql.encode()).hexdigest()[:8]
        return f"Expression{severity.capitalize()}_{digest}"
    words = re.split(r"[_:]+", about)
    return "".join(word[:1].upper() + word[1:] for word in words) + severity.capitalize()


def _short_rule(short: _Short) -> AlertRule:
    compiled = short.compiled
    return AlertRule(
        name=short.name,
        expr=compiled.promql,
        shown=compiled.shown,
        severity=short.severity,
        labels=((SEVERITY, short.severity),),
        annotations=(("summary", _summary(compiled)),),
    )


def _summary(compiled: Compiled) -> str:
    """`error_rate of service web is 7.14%, rule: error_rate > 5%`."""
    value = _VALUES.get(compiled.unit, "{{ $value }}") if compiled.unit else "{{ $value }}"
    by = WORDS[compiled.word].by if compiled.word else ()
    of = "".join(f" of {label} {{{{ $labels.{label} }}}}" for label in by)
    return f"{compiled.word or 'its value'}{of} is {value}, rule: {compiled.shown}"


def _whole_rule(name: str, rule: Rule, own: Collection[str]) -> AlertRule:
    compiled = compile_rule_text(rule.expr, own=own)
    recovery = compile_rule_text(rule.recovery, own=own).promql if rule.recovery else None
    if name in {NO_DATA, RULE_FAILED}:
        raise IntertieError("alerts of that name are told about rules; take another name")
    for label in {ALERT_NAME, SEVERITY} & rule.labels.keys():
        raise IntertieError(f"label {label!r} is set by the rule itself; leave it out")
    for text in (*rule.labels.values(), *rule.annotations.values()):
        rule_text.check(text)
    return AlertRule(
        name=name,
        expr=compiled.promql,
        shown=compiled.shown,
        for_ms=round(rule.for_ * 1000),
        keep_firing_for_ms=round(rule.keep_firing_for * 1000),
        recovery=recovery,
        severity=rule.severity,
        labels=labels_of(rule.labels.items(), [(SEVERITY, rule.severity)]),
        annotations=labels_of(rule.annotations.items()),
        no_data=rule.no_data,
    )


def _repeated(rules: Sequence[AlertRule]) -> Iterable[str]:
    first: dict[str, AlertRule] = {}
    for rule in rules:
        other = first.setdefault(rule.name, rule)
        if other is not rule:
            yield (
                f"cannot use rule `{rule.shown}`: `{other.shown}` is {rule.name} already; "
                "write one of them below `rules`, with a name of its own"
            )


def _hidden(short: Sequence[_Short]) -> Iterable[Inhibition]:
    """A warning is not told while the critical alert about the same fires."""
    for upper in short:
        for lower in short:
            word = upper.compiled.word
            if word and lower.compiled.word == word and (upper.severity, lower.severity) == _LEVELS:
                yield Inhibition(
                    source={ALERT_NAME: upper.name},
                    target={ALERT_NAME: lower.name},
                    equal=WORDS[word].by,
                )
