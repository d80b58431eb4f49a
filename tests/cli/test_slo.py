"""`slo`, on a running suite."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from tests.app.monitored import SUITE, Site, monitored
from tests.e2e.shop import until

pytestmark = pytest.mark.slow
SLO = """
  slo:
    web: {service: web, objective: "99%", exclude: [never]}
    fast: {service: web, objective: "90%", indicator: latency, threshold: 10s}
    alive: {service: web, objective: "50%", indicator: uptime}
    door: {route: /closed, objective: "99%"}
    pages: {route: /, objective: "99%"}
    quick: {route: /, objective: "90%", indicator: latency, threshold: 10s}
"""
ROUTES = "routes: [{path: /closed, service: web}, {path: /, service: web, auth_required: false}]"
ONE_ROUTE = "routes: [{path: /, service: web, auth_required: false}]"
OF_ROUTES = 'intertie_route_requests_total{route="/",status="2xx"}'
BAD = 'sum(intertie_slo_total{{slo="{0}"}}) - sum(intertie_slo_good_total{{slo="{0}"}})'
NEVER = '    mute: {never: {schedule: "0 0 29 2 *", duration: 1m}}\n    tests:'


@pytest.fixture(scope="module")
def promised(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A suite of which something is promised, and one of four requests fails."""
    suite = SUITE.replace("    tests:", NEVER).replace(ONE_ROUTE, ROUTES) + SLO
    with monitored(tmp_path_factory.mktemp("slo"), suite) as made:
        url = made.bench.daemon()["gateway_url"]
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
            until(lambda: client.get("/").status_code == 200)
            until(lambda: (made.value(OF_ROUTES) or 0) >= 1)  # each is counted from here on
            for number in range(100):
                client.get("/bad" if number % 4 == 0 else "/")
            assert [client.get("/closed/x").status_code for _ in range(10)] == [401] * 10
        for name in ("web", "fast", "pages", "quick"):  # Envoy adds up durations every five seconds
            until(lambda of=name: (made.value(f'intertie_slo_total{{slo="{of}"}}') or 0) >= 100)  # type: ignore[misc]
        for name in ("web", "pages"):
            until(lambda of=name: made.value(BAD.format(of)) == 25)  # type: ignore[misc]
        yield made


def firing(promised: Site) -> dict[str, str | None]:
    """Rules that fire, and the routes they are about."""
    found = promised.bench("alerts", "list", "--json").json()
    return {e["name"]: e["labels"].get("route") for e in found if e["state"] == "firing"}


def test_objectives_are_listed_as_they_stand(promised: Site) -> None:
    """Ended with 1, as one is missed; its fast burn is alarming."""
    listed = promised.bench("slo", "list")
    found = {each["name"]: each for each in promised.bench("slo", "list", "--json").json()}

    assert listed.code == 1
    assert "missed" in listed.out
    assert (found["web"]["met"], found["fast"]["met"]) == (False, True)
    assert found["web"]["total"] - found["web"]["good"] == 25
    assert found["alive"]["unit"] == "seconds"
    promised.hook.about("SloBurnFast_web")


def test_an_objective_of_a_route_counts_all_that_it_takes(promised: Site) -> None:
    """What its service fails, not what the gateway refuses; each route alone."""
    until(lambda: (promised.value('intertie_slo_total{slo="door"}') or 0) >= 10)
    found = {each["name"]: each for each in promised.bench("slo", "list", "--json").json()}
    sent = 'sum(intertie_route_requests_total{route="/",status="5xx"})'

    assert promised.value(sent) == 25
    assert promised.value('intertie_route_requests_total{route="/closed",status="4xx"}') == 10
    assert found["pages"]["total"] - found["pages"]["good"] == 25
    assert (found["pages"]["met"], found["quick"]["met"], found["door"]["met"]) == (
        False,
        True,
        True,
    )
    assert (found["door"]["good"], found["door"]["total"]) == (10, 10)
    assert found["pages"]["about"] == "availability of route /"
    until(lambda: "SloBurnFast_pages" in firing(promised))
    burning = firing(promised)
    assert burning["SloBurnFast_pages"] == "/"
    assert not {name for name in burning if name.endswith(("_door", "_quick"))}
    told = promised.bench.ok("slo", "report").out
    assert "latency up to 10 s of route /" in told


def test_a_report_is_printed_and_written(promised: Site, tmp_path: Path) -> None:
    """For people on a terminal, as JSON, as one page."""
    month = f"{datetime.now(UTC):%Y-%m}"
    told = promised.bench.ok("slo", "report").out
    months = {month, f"{datetime.now(UTC):%Y-%m}"}  # it may have ended meanwhile
    found = promised.bench.ok("slo", "report", "--month", month, "--json").json()
    words = ("--month", month, "--html", str(tmp_path / "slo.html"))
    promised.bench.ok("slo", "report", *words)
    nowhere = promised.bench("slo", "report", "--html", str(tmp_path / "none" / "slo.html"))
    later = promised.bench("slo", "report", "--month", "2099-01")

    assert any(f"{each}, so far" in told for each in months)
    assert [each["name"] for each in found["objectives"]] == [
        "alive", "door", "fast", "pages", "quick", "web",
    ]  # fmt: skip
    assert f"Objectives of {month}" in (tmp_path / "slo.html").read_text()
    assert (nowhere.code, later.code) == (1, 1)
    assert "cannot write" in nowhere.err
    assert "has not begun yet" in later.err
