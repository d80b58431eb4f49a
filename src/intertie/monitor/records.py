"""Recording rules: in which order they are evaluated, what is wrong with them, what they give."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from intertie.errors import IntertieError
from intertie.monitor.promql.query import compile as compiled
from intertie.monitor.promql.tree import Kind, kind
from intertie.monitor.rules import Labels
from intertie.monitor.sample import NAME_LABEL, STALE, Matcher, Sample, Series
from intertie.monitor.sugar import WORDS
from intertie.suite.records import Record

_OURS = ("intertie_", "scrape_")
_OUR_NAMES = frozenset({"up", "ALERTS", "ALERTS_FOR_STATE"})


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """One that can be evaluated."""

    name: str
    expr: str
    """PromQL, which may read what rules before it gave at the same look."""
    labels: tuple[tuple[str, str], ...] = ()
    """Set on each of its series; one without a value is taken away."""


def recording_rules(records: Mapping[str, Record]) -> tuple[RecordingRule, ...]:
    """Each after those that it reads. Raises IntertieError; see `faults`."""
    for name, why in faults(records):
        raise IntertieError(f"cannot record {name}: {why}")
    return tuple(
        RecordingRule(name, records[name].expr, tuple(records[name].labels.items()))
        for name in TopologicalSorter(_needs(records)).static_order()
    )


def faults(
    records: Mapping[str, Record], *, metrics: Collection[str] = ()
) -> Iterator[tuple[str, str]]:
    """Names of those that cannot be evaluated, and why; `metrics`: names of the suite's figures."""
    good: dict[str, Record] = {}
    for name, record in records.items():
        why = _taken(name, metrics) or _unusable(record)
        if why:
            yield name, why
        else:
            good[name] = record
    try:
        TopologicalSorter(_needs(good)).prepare()
    except CycleError as exc:
        circle = [str(each) for each in exc.args[1]]
        told = " reads ".join(reversed(circle))
        yield circle[0], f"{told}: one of them must be computed from something else"


def as_samples(rule: RecordingRule, values: Iterable[tuple[Labels, float]]) -> dict[Series, float]:
    """What is kept. Raises IntertieError where two series become the same one."""
    found: dict[Series, float] = {}
    for labels, value in values:
        told = {**dict(labels), **dict(rule.labels)}
        told.pop(NAME_LABEL, None)
        series = Series.of(rule.name, told)
        if series in found:
            raise IntertieError(
                f"cannot record {rule.name}: it gives {series} twice; tell them apart by a label"
            )
        found[series] = value
    return found


def ended(before: Iterable[Series], now: Collection[Series]) -> Sequence[Sample]:
    """The end of each series that is not there any more."""
    return [Sample(series, STALE) for series in before if series not in now]


def _taken(name: str, metrics: Collection[str]) -> str:
    if name.startswith(_OURS) or name in _OUR_NAMES:
        return "Intertie measures series of that name itself; take another one"
    if name in metrics:
        return "`monitoring.metrics` has a figure of that name; take another one"
    if name in WORDS:
        return "it is a word of short rules; take another name"
    return ""


def _unusable(record: Record) -> str:
    try:
        query = compiled(record.expr)
    except IntertieError as exc:
        return str(exc)
    return "its value is a text" if kind(query.node) is Kind.STRING else ""


def _needs(records: Mapping[str, Record]) -> Mapping[str, Collection[str]]:
    """Which of them each reads by name."""
    reads = {
        name: [each.matchers for each in compiled(record.expr).reads(0, 0)]
        for name, record in records.items()
    }
    return {
        name: [other for other in sorted(records) if any(_is_read(other, m) for m in selectors)]
        for name, selectors in sorted(reads.items())
    }


def _is_read(name: str, matchers: Sequence[Matcher]) -> bool:
    named = [each for each in matchers if each.label == NAME_LABEL]
    return bool(named) and all(each.fits(Series(name)) for each in named)
