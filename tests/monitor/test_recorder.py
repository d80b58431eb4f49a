"""Recording rules, evaluated tick by tick."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from intertie.monitor.promql.query import Vector, compile
from intertie.monitor.recorder import FAILURES, Recorder
from intertie.monitor.records import RecordingRule, recording_rules
from intertie.monitor.ring import Ring
from intertie.monitor.rule_files import dump, to_prometheus
from intertie.monitor.rule_query import over
from intertie.monitor.sample import STALE, Matcher, Sample, Series, is_stale
from intertie.runtime.component import Status
from intertie.suite.monitoring import Monitoring
from tests.monitor.live import world
from tests.monitor.peers import Prometheus

pytestmark = pytest.mark.anyio

STEP_MS = 15_000
RECORDS = {
    "job:requests:rate": "sum by (job) (rate(requests_total[70s]))",
    "requests:rate": "sum(job:requests:rate)",
    "job:share": {
        "expr": "job:requests:rate / scalar(requests:rate)",
        "labels": {"team": "a"},
    },
    "heat:p90": "quantile(0.9, heat)",
    "two": "1 + 1",
    "hot": 'heat{room!="c"} > 20',
}
RULES = recording_rules(Monitoring.model_validate({"records": RECORDS}).records)


def recorder(ring: Ring, rules: tuple[RecordingRule, ...] = RULES) -> Recorder:
    """Over the ring, into the ring."""
    return Recorder(rules, over(ring), ring.add)


def ticks(count: int) -> list[list[Sample]]:
    """Two counters, one of which begins again, and three rooms, one of which ends."""
    draw = Random(7)  # noqa: S311 -- test data
    found: list[list[Sample]] = []
    counts = {"a": 0.0, "b": 0.0}
    for at in range(count):
        counts["a"] += draw.randrange(9)
        counts["b"] = 0.0 if at == count // 2 else counts["b"] + draw.randrange(5)
        rooms = "abc" if at < count // 2 else "bc"
        ended = [Sample(Series.of("heat", {"room": "a"}), STALE)] if at == count // 2 else []
        found.append(
            [Sample(Series.of("requests_total", {"job": job}), n) for job, n in counts.items()]
            + [Sample(Series.of("heat", {"room": r}), draw.random() * 40) for r in rooms]
            + ended
        )
    return found


def told(samples: list[Sample]) -> dict[str, float]:
    """By series, those that go on."""
    return {str(each.series): each.value for each in samples if not is_stale(each.value)}


async def test_values_are_those_of_the_expression_itself() -> None:
    """At each tick, through rules that read rules, and found in the ring at once."""
    ring = Ring()
    made = recorder(ring)
    nested = "sum by (job) (rate(requests_total[70s])) / scalar(sum(rate(requests_total[70s])))"
    compared = 0
    for at, samples in enumerate(ticks(60)):
        ring.append(at * STEP_MS, samples)
        found = told(list(await made.record(at * STEP_MS)))
        for name, expr in {
            **{rule.name: rule.expr for rule in RULES if rule.name != "two"},
            "job:share": nested,
        }.items():
            direct = await compile(expr).instant(ring, at * STEP_MS)
            assert isinstance(direct, Vector)
            kept = sorted(v for key, v in found.items() if key.split("{")[0] == name)
            assert kept == pytest.approx(sorted(p.value for p in direct.points), nan_ok=True)
            compared += len(kept)
        assert found["two"] == 2
        kept_in_ring = await ring.select([Matcher("team", "=", "a")], 0, at * STEP_MS)
        assert len(kept_in_ring) == (2 if at else 0)
    assert compared > 300


async def test_a_series_that_the_rule_gives_no_more_ends() -> None:
    """At the tick after."""
    ring = Ring()
    made = recorder(ring, (RecordingRule("hot", "heat > 20"),))
    ring.append(1000, [Sample(Series("heat"), 30.0)])
    await made.record(1000)
    ring.append(2000, [Sample(Series("heat"), 10.0)])

    ended = [each for each in await made.record(2000) if each.series.name == "hot"]
    again = [each for each in await made.record(3000) if each.series.name == "hot"]

    assert [is_stale(each.value) for each in ended] == [True]
    assert again == []


async def test_a_rule_that_fails_stops_no_other_and_is_told() -> None:
    """As a figure, by its name, and as health, until it can be evaluated again."""
    ring = Ring()
    twice = RecordingRule("bad", "heat", (("room", ""),))
    made = recorder(ring, (twice, RecordingRule("good", "sum(heat)")))
    rooms = [Sample(Series.of("heat", {"room": room}), 1.0) for room in "ab"]

    ring.append(1000, rooms)
    found = told(list(await made.record(1000)))
    failing = made.failing("bad")
    assert made.health().status is Status.DEGRADED
    ring.append(400_000, rooms[:1])
    after = told(list(await made.record(400_000)))

    assert found == {
        "good": 2.0,
        f'{FAILURES}{{record="bad"}}': 1.0,
        f'{FAILURES}{{record="good"}}': 0.0,
    }
    assert "it gives bad twice" in failing
    assert after["bad"] == 1.0
    assert made.health().status is Status.UP


@pytest.mark.slow
async def test_prometheus_evaluates_what_is_exported_to_the_same_values(tmp_path: Path) -> None:
    """Its own rule engine, over the same samples, in virtual time."""
    ring, made = Ring(), ticks(40)
    ours = recorder(ring)
    asked = []
    for at, samples in enumerate(made):
        ring.append(at * STEP_MS, samples)
        found = told(list(await ours.record(at * STEP_MS)))
        mine = {key: value for key, value in found.items() if FAILURES not in key}
        expected = [{"labels": key, "value": value} for key, value in mine.items()]
        asked.append(
            {
                "expr": '{__name__=~".*:.*|two|hot"}',
                "eval_time": f"{at * STEP_MS // 1000}s",
                "exp_samples": expected,
            }
        )
    series = sorted({each.series for samples in made for each in samples})
    inputs = []
    for each in series:
        values = [{s.series: s.value for s in samples}.get(each) for samples in made]
        words = [_word(value) for value in values]
        inputs.append({"series": str(each), "values": " ".join(words)})
    test = {"interval": "15s", "input_series": inputs, "promql_expr_test": asked}
    tree = {"rule_files": ["rules.yaml"], "evaluation_interval": "15s", "tests": [test]}
    (tmp_path / "rules.yaml").write_text(to_prometheus((), RULES, interval_ms=STEP_MS))
    (tmp_path / "test.yaml").write_text(dump(tree))

    checked = _run("check", "rules", tmp_path / "rules.yaml")
    tested = _run("test", "rules", tmp_path / "test.yaml")

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(RULES)} rules found" in checked.stdout
    assert tested.returncode == 0, (tested.stdout + tested.stderr)[:3000]


def _word(value: float | None) -> str:
    return "_" if value is None else "stale" if is_stale(value) else repr(value)


def _run(*command: "str | Path") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_running_prometheus_records_the_same(tmp_path: Path) -> None:
    """Given the exported file and the page that we read."""
    rules = recording_rules(
        Monitoring.model_validate(
            {
                "records": {
                    "house:heat:max": "max(heat)",
                    "room:heat:share": {
                        "expr": "heat / scalar(house:heat:max)",
                        "labels": {"x": "y"},
                    },
                }
            }
        ).records
    )
    (tmp_path / "rules.yaml").write_text(to_prometheus((), rules, interval_ms=1000))
    with world() as made:
        made.set({"a": 30, "b": 10}, 1)
        config = (
            "global: {scrape_interval: 1s}\n"
            f"rule_files: ['{tmp_path / 'rules.yaml'}']\n"
            "scrape_configs:\n- job_name: page\n  static_configs:\n"
            f"  - targets: ['{made.url.partition('://')[2].partition('/')[0]}']\n"
        )
        prometheus = Prometheus(tmp_path, config=config)
        with prometheus.running():
            found: Mapping[tuple[tuple[str, str], ...], float] = {}
            deadline_s = time.monotonic() + 60
            while len(found) < 3 and time.monotonic() < deadline_s:
                found = prometheus.query('{__name__=~".*:heat:.*"}', time.time())
                time.sleep(0.2)

    values = {(dict(key)["__name__"], dict(key).get("room")): v for key, v in found.items()}
    assert values == {
        ("house:heat:max", None): 30.0,
        ("room:heat:share", "a"): 1.0,
        ("room:heat:share", "b"): 10 / 30,
    }
    assert {dict(key).get("x") for key in found} == {None, "y"}
