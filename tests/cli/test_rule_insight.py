"""`alerts replay`, `plan` and the rest, on a running suite and on a file."""

from collections.abc import Iterator

import pytest

from tests.app.monitored import Site, monitored
from tests.e2e.shop import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A suite with something alarming."""
    with monitored(tmp_path_factory.mktemp("insight")) as made:
        made.bench.ok("bus", "publish", "orders.a", '{"order": {"total": 150}, "shop": "east"}')
        made.hook.about("Rich")
        until(lambda: "Rich" in made.bench.ok("alerts", "replay", "Rich").out)
        yield made


def test_what_fired_is_found_again_in_stored_samples(rich: Site) -> None:
    """When, how long, of which series, and whom it told."""
    [rule] = rich.bench.ok("alerts", "replay", "Rich", "--json").json()["rules"]
    shown = rich.bench.ok("alerts", "replay", "--since", "1h").out
    unknown = rich.bench("alerts", "replay", "Poor")

    [firing] = rule["firings"]
    assert rule["fired"] == 1
    assert firing["labels"] == {"alertname": "Rich", "severity": "warning", "shop": "east"}
    assert firing["value"] == 150
    assert firing["until"] is None
    assert [(each["kind"], each["channels"]) for each in firing["told"]] == [("first", ["hook"])]
    assert "shop=east  1 notice: hook" in shown
    assert "ErrorRateCritical" in shown
    assert unknown.code == 1
    assert "cannot replay rule 'Poor'" in unknown.err


def test_a_plan_shows_what_changed_rules_would_have_told(rich: Site) -> None:
    """Before anything is applied; the rules as written can be replayed too."""
    suite = (rich.bench.folder / "suite.yaml").read_text()
    rich.bench.write(
        suite.replace("revenue > 100", "revenue > 200").replace(
            "    rules:\n", '    rules:\n      Any: {expr: "revenue > 1"}\n'
        )
    )

    plan = rich.bench.ok("plan").out
    found = {
        each["name"]: each for each in rich.bench.ok("plan", "--json").json()["rules"]["rules"]
    }
    written = rich.bench.ok("alerts", "replay", "Any", "--written", "--json").json()
    rich.bench.write(suite)
    same = rich.bench.ok("plan", "--json").json()["rules"]

    assert "rule Any new: over the last" in plan
    assert "would have fired, and did not: shop=east since" in plan
    assert "fired once, as written 0 times" in plan
    assert "fired, and would not have: shop=east since" in plan
    assert "nothing to do" not in plan
    assert [each["labels"]["shop"] for each in found["Any"]["would_fire"]] == ["east"]
    assert [each["labels"]["shop"] for each in found["Rich"]["would_not"]] == ["east"]
    assert written["rules"][0]["fired"] == 1
    assert written["rules_of"] == "written"
    assert same is None


def test_a_drill_reaches_people_and_leaves_nothing_behind(rich: Site) -> None:
    """Marked as a test for whoever is told, and known to nothing else of the suite."""

    def traces() -> list[object]:
        bench = rich.bench
        return [
            bench.ok("alerts", "notices", "--json").json(),
            [each["name"] for each in bench("alerts", "list", "--json").json()],
            bench.ok("incidents", "--json").json(),
            bench.ok("slo", "list", "--json").json(),
        ]

    before = traces()
    done = rich.bench.ok("alerts", "drill", "--within", "20s")
    _, told = rich.hook.about("TEST_Drill")
    rich.hook.about("TEST_Drill", "resolved")
    found = rich.bench.ok("metrics", "query", "intertie_drill", "--json").json()["result"]

    assert "hook     told" in done.out
    assert "from the sample to the last answer" in done.out
    assert told["alerts"][0]["annotations"]["summary"].startswith("TEST: this is a drill")
    assert told["alerts"][0]["labels"]["severity"] == "critical"
    assert found == []
    assert traces() == before


def test_a_drill_that_nobody_gets_has_failed(rich: Site) -> None:
    """As one that is silenced; it says why."""
    rich.bench.ok("alerts", "silence", "severity=warning", "--for", "1h", "--comment", "quiet")

    failed = rich.bench("alerts", "drill", "--severity", "warning", "--within", "2s", "--json")

    [silence] = rich.bench.ok("alerts", "silences", "--json").json()
    rich.bench.ok("alerts", "unsilence", silence["id"])
    assert failed.code == 1
    assert failed.json()["ok"] is False
    assert "quiet" in failed.json()["why"][0]


def test_what_nobody_would_hear_of_is_listed_with_rules_for_it(rich: Site) -> None:
    """By the file alone; with these rules in it all is watched, and the file is valid."""
    bare = "suite: bare\nservices: {a: {command: 'true'}, b: {command: 'true'}}\n"
    rich.bench.write(bare, "bare.yaml")

    listed = rich.bench("alerts", "coverage", "-f", "bare.yaml", "--fail-under", "50")
    found = rich.bench.ok("alerts", "coverage", "-f", "bare.yaml", "--json").json()
    rich.bench.write(bare + found["proposal"], "better.yaml")
    better = rich.bench.ok("alerts", "coverage", "-f", "better.yaml", "--fail-under", "100").out

    assert listed.code == 1
    assert "service  a     NOTHING" in listed.out
    assert "nobody is told of alerts" in listed.out
    assert found["percent"] == 0
    assert [each["name"] for each in found["parts"]] == ["a", "b"]
    assert "rule ADown" in better
    assert "100% of 2 parts are watched" in better
