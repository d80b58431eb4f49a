"""Rules as files of Prometheus, both ways, and tests of rules as promtool's."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from intertie.errors import IntertieError
from intertie.monitor import rule_text
from intertie.monitor.records import RecordingRule
from intertie.monitor.rules import NO_DATA, RULE_FAILED, SEVERITY, AlertRule, Labels
from intertie.suite.monitoring import Monitoring, Rule, Severity
from intertie.suite.records import Record
from intertie.suite.rule_tests import AlertExpectation, ExpectedAlert, RuleTest

Tree = Mapping[str, object]

_UNITS_MS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_YEAR_MS = 365 * _UNITS_MS["d"]
_DURATION = re.compile(r"([0-9]{1,12})(ms|[ywdhms])")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


@dataclass(frozen=True, slots=True)
class ImportedRules:
    """What a rule file of Prometheus gave."""

    rules: Mapping[str, Rule]
    """For `monitoring.alerts.rules`, by name."""
    records: Mapping[str, Record]
    """For `monitoring.records`, by name."""
    notes: tuple[str, ...] = ()
    """What was left out or changed, one sentence each, with the name of the rule."""


def to_prometheus(
    rules: Iterable[AlertRule],
    records: Iterable[RecordingRule] = (),
    *,
    interval_ms: int = 60_000,
) -> str:
    """A rule file that `promtool check rules` takes; what it cannot say is in a comment on top.

    All are in one group: Prometheus evaluates it in its order, what is recorded first.
    """
    told = tuple(rules)
    group = {
        "name": "intertie",
        "interval": duration(interval_ms),
        "rules": [*map(_record, records), *map(_rule, told)],
    }
    return dump({"groups": [group]}, [note for each in told for note in _unsaid(each)])


def to_promtool(tests: Sequence[RuleTest], rules: Sequence[AlertRule], *, rule_file: str) -> str:
    """The tests for `promtool test rules`; `rule_file` is what `to_prometheus` made of `rules`.

    promtool looks at all of them equally often: as often as the one with the shortest interval.
    It wants texts where the test leaves them open: they are filled in from the rule where
    they have no hole, and the expectation is left out, with a comment, where they have one.
    """
    by_name = {rule.name: rule for rule in rules}
    notes: list[str] = []
    told = [_test(test, by_name, notes) for test in tests]
    often = duration(round(min((test.interval for test in tests), default=60.0) * 1000))
    return dump({"rule_files": [rule_file], "evaluation_interval": often, "tests": told}, notes)


def _test(test: RuleTest, by_name: Mapping[str, AlertRule], notes: list[str]) -> Tree:
    asked: list[Tree] = []
    for each in test.alert_rule_test:
        rule = by_name.get(each.alertname)
        alerts = [_expected(alert, rule) for alert in each.exp_alerts]
        if rule is None or None in alerts:
            notes.append(f"{each.alertname} at {each.eval_time:g}s: promtool cannot expect this")
        else:
            asked.append(_asked(each, alerts))
    return {
        "name": test.name,
        "interval": duration(round(test.interval * 1000)),
        "input_series": [{"series": s.series, "values": s.values} for s in test.input_series],
        "alert_rule_test": asked,
    }


def from_prometheus(text: str) -> ImportedRules:
    """The rules of a file, both kinds. Raises IntertieError when it is no rule file.

    A text with a hole that cannot be filled in is not taken, and noted; nor is another recording
    rule of a name.
    """
    rules: dict[str, Rule] = {}
    records: dict[str, Record] = {}
    notes: list[str] = []
    for group in _read(text).groups:
        notes += [f"group {group.name}: {key} is left out" for key in group.model_extra or ()]
        for each in group.rules:
            if each.alert is None:
                _take_record(each, records, notes)
                continue
            name = _own_name(each, rules, notes)
            rules[name] = _imported(name, each, notes)
    return ImportedRules(rules, records, tuple(notes))


def duration(ms: int) -> str:
    """As Prometheus writes it: 1h30m, 500ms, 0s."""
    parts: list[str] = []
    for unit, size_ms in _UNITS_MS.items():
        if unit == "w":
            continue
        count, ms = divmod(ms, size_ms)
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"


def dump(tree: Tree, notes: Sequence[str] = ()) -> str:
    """The tree as YAML below its notes."""
    text = StringIO()
    yaml = YAML()
    yaml.width = 4096  # an expression stays on its line
    yaml.dump(tree, text)
    lines = [f"# {line}" for note in notes for line in f"Not said here: {note}".splitlines()]
    return "\n".join([*lines, text.getvalue()])


class _FileRule(BaseModel):
    alert: str | None = None
    record: str | None = None
    expr: Annotated[str, BeforeValidator(str), Field(min_length=1)]
    for_: Annotated[str, BeforeValidator(str), Field(alias="for")] = "0s"
    keep_firing_for: Annotated[str, BeforeValidator(str)] = "0s"
    labels: dict[str, Annotated[str, BeforeValidator(str)]] = Field(default_factory=dict)
    annotations: dict[str, Annotated[str, BeforeValidator(str)]] = Field(default_factory=dict)


class _Group(BaseModel, extra="allow"):
    name: str
    rules: list[_FileRule] = []


class _File(BaseModel):
    groups: list[_Group] = []


def _record(rule: RecordingRule) -> Tree:
    told: dict[str, object] = {"record": rule.name, "expr": rule.expr}
    return told | ({"labels": dict(rule.labels)} if rule.labels else {})


def _take_record(each: _FileRule, records: dict[str, Record], notes: list[str]) -> None:
    name = each.record or ""
    if name in records:
        notes.append(f"{name}: it is recorded twice; the second, `{each.expr}`, is left out")
        return
    try:
        Monitoring.model_validate({"records": {name: {"expr": each.expr, "labels": each.labels}}})
    except ValidationError as exc:
        raise IntertieError(f"cannot read rule {name[:100]!r}: {_first(exc)}") from exc
    records[name] = Record(expr=each.expr, labels=each.labels)


def _rule(rule: AlertRule) -> Tree:
    told: dict[str, object] = {"alert": rule.name, "expr": rule.expr}
    if rule.for_ms:
        told["for"] = duration(rule.for_ms)
    if rule.keep_firing_for_ms:
        told["keep_firing_for"] = duration(rule.keep_firing_for_ms)
    if rule.labels:
        told["labels"] = dict(rule.labels)
    if rule.annotations:
        told["annotations"] = dict(rule.annotations)
    return told


def _unsaid(rule: AlertRule) -> Iterable[str]:
    if rule.recovery is not None:
        yield f"{rule.name} ends only once `{rule.recovery}`"
    if rule.no_data != "ok":
        meant = "is an alert of its own" if rule.no_data == "alert" else "changes nothing"
        yield f"{rule.name}: no data {meant}"


def _asked(each: AlertExpectation, alerts: Sequence[Tree | None]) -> Tree:
    at = duration(round(each.eval_time * 1000))
    return {"eval_time": at, "alertname": each.alertname, "exp_alerts": alerts}


def _expected(alert: ExpectedAlert, rule: AlertRule | None) -> Tree | None:
    texts = alert.annotations
    if texts is None:
        own = rule.annotations if rule else ()
        if any("{{" in text for _, text in own):
            return None
        texts = dict(own)
    return {"exp_labels": dict(alert.labels), "exp_annotations": dict(texts)}


def _read(text: str) -> _File:
    try:
        # ruamel's loader is untyped: what it gives is checked at once.
        return _File.model_validate(YAML(typ="safe", pure=True).load(text) or {})
    except YAMLError as exc:
        raise IntertieError(f"cannot read the rule file: it is no YAML; {exc}") from exc
    except ValidationError as exc:
        raise IntertieError(f"cannot read the rule file: {_first(exc)}") from exc


def _first(exc: ValidationError) -> str:
    first = exc.errors()[0]
    return f"{'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}"


def _own_name(each: _FileRule, taken: Mapping[str, Rule], notes: list[str]) -> str:
    """A suite has one rule of a name; a file may have several, mostly of other severities."""
    given = each.alert or ""
    name = re.sub(r"\W", "_", given, flags=re.ASCII)[:90]
    if not _NAME.fullmatch(name) or name in {NO_DATA, RULE_FAILED}:
        name = f"Alert_{name}"
    wanted = name
    if name in taken:
        wanted = name + each.labels.get(SEVERITY, "").capitalize()
        wanted = re.sub(r"\W", "_", wanted, flags=re.ASCII)[:95]
    count = 2
    name = wanted
    while name in taken:
        name = f"{wanted}_{count}"
        count += 1
    if name != given:
        notes.append(f"{given}: its alerts are called {name} here")
    return name


def _imported(name: str, each: _FileRule, notes: list[str]) -> Rule:
    labels = {label: text for label, text in each.labels.items() if label != SEVERITY}
    told: Tree = {
        "expr": each.expr,
        "for": _seconds(name, each.for_),
        "keep_firing_for": _seconds(name, each.keep_firing_for),
        "severity": _severity(name, each, notes),
        "labels": dict(_texts(name, labels, notes)),
        "annotations": dict(_texts(name, each.annotations, notes)),
    }
    try:
        return Rule.model_validate(told)
    except ValidationError as exc:
        raise IntertieError(f"cannot read rule {name}: {_first(exc)}") from exc


def _severity(name: str, each: _FileRule, notes: list[str]) -> Severity:
    given = each.labels.get(SEVERITY)
    if given == "critical":
        return "critical"
    if given not in {None, "warning"}:
        notes.append(f"{name}: severity {given!r} is not known here; it is a warning")
    return "warning"


def _texts(name: str, texts: Mapping[str, str], notes: list[str]) -> Labels:
    kept: list[tuple[str, str]] = []
    for label, text in texts.items():
        try:
            rule_text.check(text)
        except IntertieError as exc:
            notes.append(f"{name}: {label} is left out; {exc}")
            continue
        kept.append((label, text))
    return tuple(kept)


def _seconds(name: str, text: str) -> float:
    parts = _DURATION.findall(text)
    if text != "0" and "".join(number + unit for number, unit in parts) != (text or "none"):
        raise IntertieError(f"cannot read rule {name}: {text!r} is no duration, such as 5m")
    sizes = {**_UNITS_MS, "y": _YEAR_MS}
    return sum(int(number) * sizes[unit] for number, unit in parts) / 1000
