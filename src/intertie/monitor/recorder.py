"""Evaluates recording rules at each tick, one after the other."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence

from intertie.errors import IntertieError
from intertie.monitor.records import RecordingRule, as_samples, ended
from intertie.monitor.rule_look import Evaluate
from intertie.monitor.sample import Sample, Series
from intertie.runtime.component import Health, Status

log = logging.getLogger(__name__)

Put = Callable[[Sequence[Sample]], object]
FAILURES = "intertie_record_failures_total"


class Recorder:
    """Keeps what rules give at a tick where the rules after them find it."""

    def __init__(self, rules: Sequence[RecordingRule], evaluate: Evaluate, put: Put) -> None:
        """`rules`: each after those that it reads. `put`: into the newest tick of the ring."""
        self._rules = tuple(rules)
        self._evaluate = evaluate
        self._put = put
        self._alive: dict[str, Collection[Series]] = {}
        self._failures = Counter({rule.name: 0 for rule in rules})
        self._failing: dict[str, str] = {}

    @property
    def rules(self) -> Sequence[RecordingRule]:
        """In the order in which they are evaluated."""
        return self._rules

    def health(self) -> Health:
        """Degraded while a rule cannot be evaluated."""
        told = "; ".join(self._failing.values())
        return Health(Status.DEGRADED, told) if told else Health(Status.UP)

    def failing(self, name: str) -> str:
        """Why a rule gave nothing at the last tick; empty: it could be evaluated."""
        return self._failing.get(name, "")

    async def record(self, at_ms: int) -> Sequence[Sample]:
        """All that the rules give now; one that fails is told, and stops no other."""
        found: list[Sample] = []
        for rule in self._rules:
            made = await self._one(rule, at_ms)
            self._put(made)
            found += made
        counts = [
            Sample(Series.of(FAILURES, {"record": name}), float(count))
            for name, count in self._failures.items()
        ]
        self._put(counts)
        return [*found, *counts]

    async def _one(self, rule: RecordingRule, at_ms: int) -> Sequence[Sample]:
        try:
            values = await self._evaluate(rule.expr, at_ms)
            made = as_samples(rule, values or ())
        except IntertieError as exc:
            self._fail(rule.name, str(exc))
            return ()
        self._failing.pop(rule.name, None)
        before, self._alive[rule.name] = self._alive.get(rule.name, ()), made.keys()
        samples = [Sample(series, value) for series, value in made.items()]
        return [*samples, *ended(before, made)]

    def _fail(self, name: str, why: str) -> None:
        self._failures[name] += 1
        if name not in self._failing:
            log.warning("cannot record", extra={"record": name, "reason": why})
        self._failing[name] = why
