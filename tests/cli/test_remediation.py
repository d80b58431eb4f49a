"""`remediation`: shadow mode, approval and replay of a running suite."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.monitored import Site
from tests.app.remedied import alarming, ask, history, pid, remedied, statuses, suite
from tests.e2e.shop import until

pytestmark = pytest.mark.slow


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """It does nothing by itself."""
    with remedied(tmp_path, suite("shadow")) as made:
        yield made


def healed(site: Site) -> None:
    """Nothing is alarming."""
    until(lambda: alarming(site) == [])


def test_shadow_does_nothing_and_tells_whether_it_would_have_helped(site: Site) -> None:
    """Here somebody did the same, and it did."""
    before = pid(site)
    ask(site, "web", "/break")
    until(lambda: statuses(site) == ["shadow"])
    assert pid(site) == before
    assert alarming(site) == ["web"]

    site.bench.ok("restart", "web")
    healed(site)
    until(lambda: history(site)[0]["resolved_at"] is not None)

    [rule] = site.bench.ok("remediation", "list", "--json").json()["rules"]
    assert (rule["mode"], rule["actions"], rule["shadow"]) == ("shadow", 0, {"helped": 1})
    assert rule["would_have_helped"] == 1
    assert "100%" in site.bench.ok("remediation", "list").out
    assert "shadow: helped" in site.bench.ok("remediation", "history").out

    ask(site, "db", "/break")
    until(lambda: len(statuses(site)) == 2)
    ask(site, "db", "/cure")
    healed(site)
    until(lambda: history(site)[1]["verdict"] == "by_itself")
    [rule] = site.bench.ok("remediation", "list", "--json").json()["rules"]
    assert rule["would_have_helped"] == 0.5


def test_a_proposal_waits_for_approval(site: Site) -> None:
    """Approved it is done; declined it is not, while the alert goes on."""
    healed(site)
    file = site.bench.folder / "suite.yaml"
    file.write_text(file.read_text().replace("mode: shadow", "mode: approve"))
    site.bench.ok("apply")
    before, earlier = pid(site), len(history(site))
    ask(site, "web", "/break")
    until(lambda: statuses(site)[earlier:] == ["proposed"])
    proposal = str(history(site)[-1]["id"])
    while True:
        _, body = site.hook.told.get(timeout=30)
        if str(body.get("title", "")).startswith("remediation asks: restart web"):
            break
    assert f"intertie remediation approve {proposal}" in body["message"]
    assert "proposed" in site.bench.ok("remediation", "list").out
    with site.bench.api(key=False) as api:
        assert api.post(f"/api/remediation/{proposal}/approve").status_code == 401
    assert pid(site) == before

    assert "restart web: doing" in site.bench.ok("remediation", "approve", proposal).out

    healed(site)
    until(lambda: statuses(site)[earlier:] == ["recovered"])
    assert pid(site) != before
    assert history(site)[-1]["by"] == "rest"
    again = site.bench("remediation", "approve", proposal)
    assert (again.code, "it is recovered" in again.err) == (1, True)

    ask(site, "db", "/break")
    until(lambda: statuses(site)[earlier:] == ["recovered", "proposed"])
    declined = site.bench.ok("remediation", "decline", str(history(site)[-1]["id"]), "--json")
    assert declined.json()["status"] == "declined"
    ask(site, "db", "/cure")
    healed(site)
    unknown = site.bench("remediation", "approve", "4711")
    assert "there is no such remediation" in unknown.err


def test_past_alerts_are_replayed_against_the_rules_of_now(site: Site) -> None:
    """Nothing is done by that."""
    healed(site)
    ask(site, "web", "/break")
    until(lambda: alarming(site) == ["web"])
    until(lambda: statuses(site) == ["shadow"])  # its entry comes a moment after the alert
    ask(site, "web", "/cure")
    healed(site)
    before, kept = pid(site), len(history(site))

    found = site.bench.ok("remediation", "replay", "--since", "1h", "--json").json()
    shown = site.bench.ok("remediation", "replay").out

    web = [each for each in found["entries"] if each["service"] == "web"]
    assert found["alerts"] >= 1
    assert web[-1]["status"] == "recovered"
    assert web[-1]["action"] == "restart"
    assert f"{found['alerts']} alerts: {found['done']} actions" in shown
    assert (pid(site), len(history(site))) == (before, kept)
    wrong = site.bench("remediation", "replay", "--since", "often")
    assert "cannot use 'often' as --since" in wrong.err
