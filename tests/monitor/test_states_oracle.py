"""promtool as the judge of the states of alerts, over series made up anew each time."""

import os
import random
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from intertie.monitor import rule_query
from intertie.monitor.promql.query import Options
from intertie.monitor.rule_files import dump, to_prometheus
from intertie.monitor.rule_look import Evaluate, look
from intertie.monitor.rule_tests import source_of
from intertie.monitor.rules import AlertRule, Labels, labels_of
from intertie.monitor.sample import Source
from intertie.monitor.states import States, step
from intertie.suite.rule_tests import InputSeries, RuleTest
from tests.monitor import tiny

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MINUTES = 90
SERIES = 40
CELLS = int(os.environ.get("INTERTIE_CELLS", "100000"))
MINUTE_MS = 60_000

Alerts = tuple[tuple[Labels, str], ...]
"""What `ALERTS` has at a minute: labels, and pending or firing."""


def _rule(name: str, expr: str, for_: int, keep: int) -> AlertRule:
    return AlertRule(name, expr, expr, for_ms=for_ * MINUTE_MS, keep_firing_for_ms=keep * MINUTE_MS)


RULES = (
    _rule("AtOnce", "m > 0.5", 0, 0),
    _rule("AfterTwo", "m > 0.4", 2, 0),
    _rule("AfterFive", "m >= 0.25", 5, 0),
    _rule("KeptThree", "m == 0", 2, 3),
    _rule("KeptSeven", "m < 0.5", 0, 7),
)


@dataclass(frozen=True)
class Judged:
    cells: int
    agreed: bool
    told: str
    pending: int
    firing: int


def _values(dice: random.Random, outage: range) -> Iterator[str]:
    """Runs of values, gaps, markers; nothing at all while the whole system is out."""
    level, left = 0.0, 0
    for minute in range(MINUTES + 1):
        if left == 0:
            level, left = dice.choice([0, 0.25, 0.5, 0.75, 1]), dice.randint(1, 12)
        left -= 1
        chance = dice.random()
        if minute in outage or chance < 0.06:
            yield "_"
        elif chance < 0.09:
            yield "stale"
        elif chance < 0.12:
            yield f"_x{dice.randint(1, 9)}"
        else:
            yield f"{level:g}"


def _made_up(seed: int) -> RuleTest:
    dice = random.Random(seed)  # noqa: S311 — not a secret
    start = dice.randrange(MINUTES)
    outage = range(start, start + dice.randint(1, 9))
    series = [
        InputSeries(series=f'm{{id="{number}"}}', values=" ".join(_values(dice, outage)))
        for number in range(SERIES)
    ]
    return RuleTest(name=f"seed {seed}", interval=60.0, input_series=tuple(series))


async def _ours(
    test: RuleTest, rules: Sequence[AlertRule], over: Callable[[Source], Evaluate]
) -> Mapping[int, Alerts]:
    evaluate = over(source_of(test))
    known: dict[str, States] = {rule.name: {} for rule in rules}
    minutes: dict[int, Alerts] = {}
    for minute in range(MINUTES + 1):
        found: list[tuple[Labels, str]] = []
        for rule in rules:
            outcome = await look(rule, evaluate, minute * MINUTE_MS)
            known[rule.name], _ = step(rule, known[rule.name], outcome, minute * MINUTE_MS)
            found += [
                (labels, "firing" if state.fires else "pending")
                for labels, state in known[rule.name].items()
                if state.phase != "inactive"
            ]
        minutes[minute] = tuple(found)
    return minutes


def _expected(minute: int, alerts: Alerts) -> dict[str, object]:
    return {
        "expr": "ALERTS",
        "eval_time": f"{minute}m",
        "exp_samples": [
            {"labels": f"ALERTS{_text(labels_of(labels, [('alertstate', phase)]))}", "value": 1}
            for labels, phase in alerts
        ],
    }


def _text(labels: Labels) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"


async def _judge(
    seed: int,
    folder: Path,
    *,
    rules: Sequence[AlertRule] = RULES,
    over: Callable[[Source], Evaluate] = tiny.over,
) -> Judged:
    """What promtool says to the states that `rules` give; it has `RULES` itself."""
    test = _made_up(seed)
    ours = await _ours(test, rules, over)
    (folder / "rules.yaml").write_text(to_prometheus(RULES))
    one = {
        "interval": "1m",
        "input_series": [{"series": s.series, "values": s.values} for s in test.input_series],
        "promql_expr_test": [_expected(minute, alerts) for minute, alerts in ours.items()],
    }
    file = folder / f"{seed}.yaml"
    tree = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [one]}
    file.write_text(dump(tree))
    done = subprocess.run(  # noqa: ASYNC221 — nothing else runs here
        ["promtool", "test", "rules", file], capture_output=True, text=True, check=False
    )
    phases = [phase for alerts in ours.values() for _, phase in alerts]
    return Judged(
        cells=len(ours) * SERIES * len(RULES),
        agreed=done.returncode == 0,
        told=(done.stdout + done.stderr)[:4000],
        pending=phases.count("pending"),
        firing=phases.count("firing"),
    )


async def test_states_are_those_of_promtool(tmp_path: Path) -> None:
    """At each minute, for each series and rule: pending, firing, or nothing."""
    cells = 0
    while cells < CELLS:
        seed = random.SystemRandom().randrange(2**32)
        judged = await _judge(seed, tmp_path)
        assert judged.agreed, f"seed {seed}: {judged.told}"
        assert judged.pending > 100, f"seed {seed} says too little"
        assert judged.firing > 1000, f"seed {seed} says too little"
        cells += judged.cells


async def test_the_suites_own_promql_gives_the_same_states(tmp_path: Path) -> None:
    """With ranges closed at both ends, as that promtool has them."""
    seed = random.SystemRandom().randrange(2**32)

    judged = await _judge(
        seed, tmp_path, over=lambda source: rule_query.over(source, options=Options(closed=True))
    )

    assert judged.agreed, f"seed {seed}: {judged.told}"


@pytest.mark.parametrize("planted", ["for", "keep_firing_for"])
async def test_the_judge_sees_an_error_that_is_planted(tmp_path: Path, planted: str) -> None:
    """`>` for `>=` between times is a millisecond more; a check that cannot fail is none."""
    wrong = [
        replace(rule, for_ms=rule.for_ms + 1)
        if planted == "for"
        else replace(rule, keep_firing_for_ms=rule.keep_firing_for_ms + 1)
        for rule in RULES
    ]

    judged = await _judge(1, tmp_path, rules=wrong)

    assert not judged.agreed
    assert "FAILED" in judged.told
