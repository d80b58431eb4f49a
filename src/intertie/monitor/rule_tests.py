"""Tests of rules in virtual time: series that are made up, and the alerts expected of them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from intertie.errors import IntertieError
from intertie.monitor.recorder import Recorder
from intertie.monitor.records import RecordingRule
from intertie.monitor.rule_look import Evaluate, look
from intertie.monitor.rules import ALERT_NAME, NO_DATA, AlertRule, Labels, labels_of
from intertie.monitor.sample import Found, Matcher, Sample, Series, Source
from intertie.monitor.series_text import parse_series, parse_values
from intertie.monitor.states import Failed, State, States, step
from intertie.suite.rule_tests import AlertExpectation, ExpectedAlert, InputSeries, RuleTest

MAX_LOOKS = 1_000_000


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """One that is expected, or that was there."""

    labels: Labels
    annotations: Labels | None

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value!r}" for name, value in self.labels)
        texts = ", ".join(f"{name}={value!r}" for name, value in self.annotations or ())
        return f"{{{told}}} {texts}".rstrip()


@dataclass(frozen=True, slots=True)
class Difference:
    """A time at which other alerts fire than are expected."""

    at_s: float
    alertname: str
    expected: tuple[FiringAlert, ...]
    got: tuple[FiringAlert, ...]

    def __str__(self) -> str:
        lines = [f"{self.alertname} at {self.at_s:g}s:"]
        for title, alerts in (("expected", self.expected), ("got", self.got)):
            lines += [f"  {title}: {alert}" for alert in alerts or ("no alert",)]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class TestReport:
    """How one test went."""

    __test__ = False
    name: str
    differences: tuple[Difference, ...] = ()
    error: str = ""
    """Why it could not be run, or which rule could not be looked at."""

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.differences and not self.error

    def __str__(self) -> str:
        if self.passed:
            return f"{self.name}: passed"
        reasons = [self.error] if self.error else [str(each) for each in self.differences]
        return "\n".join([f"{self.name}: failed", *("  " + line for line in _lines(reasons))])


@dataclass(frozen=True, slots=True)
class MemorySource:
    """Series that are all in memory."""

    found: Sequence[Found] = ()

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> Sequence[Found]:
        """As a store gives them."""
        fitting = [each for each in self.found if all(one.fits(each.series) for one in matchers)]
        cut = [_between(each, start_ms, end_ms) for each in fitting]
        return [each for each in cut if len(each.times)]


class Growing:
    """The same, and what is recorded of them."""

    def __init__(self, found: Sequence[Found]) -> None:
        self._found = found
        self._made: dict[Series, tuple[list[int], list[float]]] = {}
        self.at_ms = 0
        """When what is put next is recorded."""

    def put(self, samples: Sequence[Sample]) -> None:
        """Take what was recorded."""
        for each in samples:
            times, values = self._made.setdefault(each.series, ([], []))
            times.append(self.at_ms)
            values.append(each.value)

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> Sequence[Found]:
        """As a store gives them."""
        made = [
            Found(series, np.array(times, np.int64), np.array(values, np.float64))
            for series, (times, values) in self._made.items()
            if all(each.fits(series) for each in matchers)
        ]
        source = MemorySource([*self._found, *made])
        return await source.select(matchers, start_ms, end_ms)


async def run(
    tests: Iterable[RuleTest],
    rules: Sequence[AlertRule],
    over: Callable[[Source], Evaluate],
    *,
    records: Sequence[RecordingRule] = (),
) -> Sequence[TestReport]:
    """Each test's report, in their order; `over` evaluates expressions over the made-up series."""
    return [await run_one(test, rules, over, records=records) for test in tests]


async def run_one(
    test: RuleTest,
    rules: Sequence[AlertRule],
    over: Callable[[Source], Evaluate],
    *,
    records: Sequence[RecordingRule] = (),
) -> TestReport:
    """The report of one test; what is wrong with it is in the report."""
    try:
        source = Growing(source_of(test).found)
        evaluate = over(source)
        recorder = Recorder(records, evaluate, source.put)
        wanted = sorted(test.alert_rule_test, key=lambda each: each.eval_time)
        if wanted and wanted[-1].eval_time / test.interval > MAX_LOOKS:
            raise IntertieError(f"cannot run the test: it takes more than {MAX_LOOKS} looks")
        needed = _needed(wanted, rules)
        every_ms = round(test.interval * 1000)

        async def before(at_ms: int) -> None:
            source.at_ms = at_ms
            if records:
                await recorder.record(at_ms)

        differences = await _differences(wanted, every_ms, needed, evaluate, before=before)
    except IntertieError as exc:
        return TestReport(test.name, error=str(exc))
    return TestReport(test.name, tuple(differences))


def source_of(test: RuleTest) -> MemorySource:
    """The series of a test, the first sample at 0. Raises IntertieError."""
    return MemorySource([_found(each, round(test.interval * 1000)) for each in test.input_series])


async def _differences(
    wanted: Sequence[AlertExpectation],
    every_ms: int,
    rules: Sequence[AlertRule],
    evaluate: Evaluate,
    *,
    before: Callable[[int], Awaitable[None]],
) -> Sequence[Difference]:
    """`wanted` in order of time, `rules` those that can bring about what is wanted.

    `before` is called before each look at all of them.
    """
    states: dict[str, States] = {rule.name: {} for rule in rules}
    found: list[Difference] = []
    at_ms = 0
    for each in wanted:
        # As promtool: what was the case at the last look that is not later.
        while at_ms <= round(each.eval_time * 1000):
            await before(at_ms)
            for rule in rules:
                states[rule.name] = await _stepped(rule, states[rule.name], evaluate, at_ms)
            at_ms += every_ms
        if difference := _difference(each, states.values()):
            found.append(difference)
    return found


async def _stepped(rule: AlertRule, states: States, evaluate: Evaluate, at_ms: int) -> States:
    outcome = await look(rule, evaluate, at_ms)
    if isinstance(outcome, Failed):
        raise IntertieError(f"cannot look at rule {rule.name} at {at_ms / 1000:g}s: {outcome.why}")
    after, _ = step(rule, states, outcome, at_ms)
    return after


def _difference(wanted: AlertExpectation, all_states: Iterable[States]) -> Difference | None:
    firing = (
        _firing(labels, state)
        for states in all_states
        for labels, state in states.items()
        if state.fires and (ALERT_NAME, wanted.alertname) in labels
    )
    got = sorted(firing, key=lambda each: each.labels)
    expected = sorted(map(_expected, wanted.exp_alerts), key=lambda each: each.labels)
    same = len(got) == len(expected) and all(map(_fits, expected, got))
    if same:
        return None
    return Difference(wanted.eval_time, wanted.alertname, tuple(expected), tuple(got))


def _firing(labels: Labels, state: State) -> FiringAlert:
    told = labels_of(each for each in labels if each[0] != ALERT_NAME)
    return FiringAlert(told, state.annotations)


def _expected(alert: ExpectedAlert) -> FiringAlert:
    texts = None if alert.annotations is None else labels_of(alert.annotations.items())
    return FiringAlert(labels_of(alert.labels.items()), texts)


def _fits(expected: FiringAlert, got: FiringAlert) -> bool:
    texts = expected.annotations
    return expected.labels == got.labels and (texts is None or texts == got.annotations)


def _needed(wanted: Sequence[AlertExpectation], rules: Sequence[AlertRule]) -> Sequence[AlertRule]:
    """Any rule can bring about `NoData`; an alert of another name only its own."""
    known = {rule.name for rule in rules}
    names = {each.alertname for each in wanted}
    for name in sorted(names - known - {NO_DATA}):
        near = get_close_matches(name, known, n=1)
        told = f"; did you mean `{near[0]}`?" if near else ""
        raise IntertieError(f"cannot run the test: there is no rule {name!r}{told}")
    return [rule for rule in rules if rule.name in names or NO_DATA in names]


def _found(each: InputSeries, every_ms: int) -> Found:
    samples: Mapping[int, float] = {
        at * every_ms: value
        for at, value in enumerate(parse_values(each.values))
        if value is not None
    }
    series: Series = parse_series(each.series)
    times = np.fromiter(samples.keys(), np.int64, len(samples))
    return Found(series, times, np.fromiter(samples.values(), np.float64, len(samples)))


def _between(each: Found, start_ms: int, end_ms: int) -> Found:
    first, last = np.searchsorted(each.times, [start_ms, end_ms], side="right")
    return Found(each.series, each.times[first:last], each.values[first:last])


def _lines(texts: Iterable[str]) -> Iterable[str]:
    return (line for text in texts for line in text.splitlines())
