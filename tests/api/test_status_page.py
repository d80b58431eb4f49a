"""The status page from outside: what everybody sees, and what nobody does."""

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.api.shown import browser, refused_by_policy, shown
from tests.e2e.shop import until
from tests.harness import Bench

pytestmark = [pytest.mark.slow, pytest.mark.browser]

BEYOND = "0.0.0.0"  # noqa: S104 — as a suite file says it
MINUTE = r"\d{4}-\d\d-\d\d \d\d:\d\d"
CLOSED = (
    "/api/services",
    "/api/services/web",
    "/api/monitoring",
    "/api/monitoring/dashboards",
    "/api/alerts",
    "/api/incidents",
    "/api/slo",
    "/api/tasks",
    "/api/logs",
    "/api/metrics",
    "/metrics",
    "/api/v1/query?query=intertie_service_up",
)


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One whose management API listens beyond this machine."""
    with shown(tmp_path_factory.mktemp("status"), host=BEYOND) as made:
        yield made


def test_everybody_sees_the_page_and_nothing_else(suite: Bench) -> None:
    """Without a key: the services that it names, and no other answer of the API."""
    with suite.api(key=False) as api:
        told, page = api.get("/api/status"), api.get("/status")
        refused = {path: api.get(path).status_code for path in CLOSED}

    assert (told.status_code, page.status_code) == (200, 200)
    assert refused == dict.fromkeys(CLOSED, 401)
    assert set(told.json()) == {"title", "status", "at", "services", "incidents", "note"}
    for text in (told.text, page.text):
        for inside in ("secret-vault", "python3", "127.0.0.1", str(suite.folder), "active_users"):
            assert inside not in text


def test_days_are_what_was_measured(suite: Bench) -> None:
    """Ninety of them, in the API and as bars in a browser, without a complaint."""
    with suite.api(key=False) as api:
        (web,) = api.get("/api/status").json()["services"]
    with browser() as (page, complaints):
        page.goto(f"{suite.daemon()['api_url']}/status")
        bars = page.locator("rect").evaluate_all("all => all.map(one => one.className.baseVal)")
        expect(page.get_by_role("heading", name="Shop status")).to_be_visible()
        expect(page.get_by_role("status")).to_have_text("All services are up")
        assert (complaints, refused_by_policy(page)) == ([], [])

    shares = [each["availability"] for each in web["days"]]
    assert len(shares) == len(bars) == 90
    assert shares[:60] == [None] * 60
    assert shares[-11:-1] == [75.0] + [100.0] * 9
    assert bars[:-1] == ["none"] * 60 + ["good"] * 19 + ["bad"] + ["good"] * 9
    assert web["days"][-1]["measurements"] > 0


def test_a_service_that_dies_is_down_and_an_incident_until_it_is_back(suite: Bench) -> None:
    """It says who and since when; not why, where or what was done."""
    pid = suite.service("web")["replicas"][0]["pid"]
    with suite.api(key=False) as api:
        os.kill(pid, signal.SIGKILL)
        until(lambda: api.get("/api/status").json()["status"] == "DOWN")
        (incident,) = api.get("/api/status").json()["incidents"]
        page = api.get("/status").text
        suite.ok("start", "web")
        until(lambda: api.get("/api/status").json()["status"] == "UP")
        after = api.get("/api/status").json()["incidents"]

    assert (incident["service"], set(incident)) == ("web", {"service", "since"})
    assert incident["since"] is not None
    assert "Some services are down" in page
    (told,) = re.findall(r'<p class="incident">(.*?)</p>', page)
    assert re.fullmatch(rf"<strong>web</strong>: not well since {MINUTE} UTC", told)
    assert after == []


def test_a_page_that_is_not_public_needs_a_key(tmp_path: Path) -> None:
    """As all the rest; and where none is declared it says what to write."""
    with shown(tmp_path, host=BEYOND, public=False) as suite:
        with suite.api(key=False) as api:
            refused = [api.get(path).status_code for path in ("/status", "/api/status")]
        with suite.api() as api:
            allowed = api.get("/api/status").status_code
        file = suite.folder / "suite.yaml"
        file.write_text(file.read_text().replace("  status_page:", "  # status_page:"))
        suite.ok("apply")
        with suite.api(key=False) as api:
            still = api.get("/status").status_code
        with suite.api() as api:
            until(lambda: api.get("/api/status").status_code == 404)
            missing = api.get("/api/status")

    assert (refused, allowed, still) == ([401, 401], 200, 401)
    assert missing.status_code == 404
    assert "write `status_page: {}` below" in missing.json()["detail"]
