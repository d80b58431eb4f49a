"""`alerts quality` and `alerts proof`, on a running suite and on a file."""

import json
from collections.abc import Iterator

import pytest

from tests.app.monitored import SUITE, Site, monitored
from tests.e2e.shop import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A suite that has told somebody of something."""
    with monitored(tmp_path_factory.mktemp("quality"), SUITE) as made:
        made.bench.ok("bus", "publish", "orders.a", '{"order": {"total": 150}, "shop": "east"}')
        made.hook.about("Rich")
        until(lambda: "sent" in made.bench.ok("alerts", "notices").out)
        yield made


def test_a_notice_is_proven_from_its_sample_to_its_answer(told: Site) -> None:
    """The proof is a file that anybody can check; a changed letter breaks it."""
    notices = told.bench.ok("alerts", "notices", "--json").json()
    [notice] = [each for each in notices if "Rich" in each["group"]]

    shown = told.bench.ok("alerts", "proof", notice["id"]).out
    exported = told.bench.ok("alerts", "proof", notice["id"], "--json").out
    told.bench.write(exported, "good.json")
    told.bench.write(exported.replace("150.0", "151.0"), "bad.json")
    good = told.bench.ok("alerts", "proof", "--verify", "good.json").out
    bad = told.bench("alerts", "proof", "--verify", "bad.json", "--json")
    unknown = told.bench("alerts", "proof", "nothing")

    lines = [line.split()[0] for line in shown.splitlines()]
    assert lines == ["sample", "evaluated", "state", "planned", "sent", "the"]
    assert 'revenue{shop="east"} 150.0' in shown
    assert "Rich: revenue > 100 gave 150.0" in shown
    assert good == shown
    assert json.loads(exported)["notice"] == notice["id"]
    assert bad.code == 1
    assert "not as it was written" in bad.json()["faults"][0]
    assert unknown.code == 1
    assert "the ledger has none with that id" in unknown.err


def test_what_became_of_notices_is_told_by_rule(told: Site) -> None:
    """How soon somebody looked after it, and which rules nobody ever heard of."""
    told.bench.ok("alerts", "ack", "Rich", "--comment", "counting it")

    shown = told.bench.ok("alerts", "quality").out
    found = told.bench.ok("alerts", "quality", "--since", "1h", "--json").json()

    rules = {each["rule"]: each for each in found["rules"]}
    assert rules["Rich"]["episodes"] == 1
    assert rules["Rich"]["acknowledged"] == 1
    assert rules["Rich"]["acknowledged_within_s"] >= 0
    assert rules["ErrorRateCritical"]["never_told"] is True
    assert found["diff"] == ""
    assert "never told" in shown
