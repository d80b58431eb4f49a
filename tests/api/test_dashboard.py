"""The dashboards in Chromium, on a suite that runs."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.api.shown import browser, refused_by_policy, shown
from tests.e2e.shop import until
from tests.harness import Bench

pytestmark = [pytest.mark.slow, pytest.mark.browser]

PAGE = "/api/monitoring/page"
Points = list[tuple[float, float]]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One that runs."""
    with shown(tmp_path_factory.mktemp("dashboards")) as made:
        yield made


def show(page: Page, suite: Bench, board: str) -> None:
    """Open a dashboard, and wait until all of it is drawn."""
    page.goto(f"{suite.daemon()['api_url']}{PAGE}#{board}")
    page.locator("body[data-shown]").wait_for()


def numbers(page: Page, panel: str) -> Points:
    """Of the first line of a chart, as its table tells them, oldest first."""
    card = page.locator(f"[data-panel='{panel}']")
    card.locator("summary").click()
    card.locator("tbody tr").first.wait_for()
    rows: list[list[str]] = card.locator("tbody tr").evaluate_all(
        "rows => rows.map(row => [...row.querySelectorAll('data')].map(cell => cell.value))"
    )
    return sorted((float(at), float(value)) for at, value, *_ in rows)


def drawn(page: Page, panel: str) -> Points:
    """Of the first line of a chart, as it is painted."""
    paths = page.locator(f"[data-panel='{panel}'] path.line.c0")
    text = " ".join(each.get_attribute("d") or "" for each in paths.all())
    pairs = re.findall(r"[ML]([0-9.-]+) ([0-9.-]+)", text)
    return [(float(x), float(y)) for x, y in pairs]


def is_straight(pairs: Sequence[tuple[float, float]], slack: float) -> bool:
    """Whether the second of each pair is a multiple of the first and a constant."""
    (low, at_low), (high, at_high) = min(pairs), max(pairs)
    slope = (at_high - at_low) / (high - low)
    return all(abs(at_low + slope * (x - low) - y) <= slack for x, y in pairs)


def test_charts_show_what_the_api_tells(suite: Bench) -> None:
    """Number by number, and each where it belongs on the chart."""
    with browser() as (page, complaints):
        show(page, suite, "business/1h")
        page.get_by_role("button", name="Live").click()
        told, painted = numbers(page, "active_users"), drawn(page, "active_users")
        refused = refused_by_policy(page)
    start, end = str(told[0][0]), str(told[-1][0])
    asked = {"query": "active_users", "start": start, "end": end, "step": "20"}
    with suite.api(key=False) as api:
        (series,) = api.get("/api/v1/query_range", params=asked).json()["data"]["result"]

    answered = [(float(at), float(value)) for at, value in series["values"]]
    assert len(told) > 100
    assert told[:-1] == answered[: len(told) - 1]
    assert len({value for _, value in told}) > 50
    assert len(painted) == len(told)
    assert is_straight([(t, x) for (t, _), (x, _) in zip(told, painted, strict=True)], 0.02)
    assert is_straight([(v, y) for (_, v), (_, y) in zip(told, painted, strict=True)], 0.02)
    assert all(x < more for (x, _), (more, _) in pairwise(painted))
    assert (complaints, refused) == ([], [])


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("board", ["system", "application", "business"])
def test_each_dashboard_draws_without_a_complaint(suite: Bench, board: str, *, dark: bool) -> None:
    """In light and dark, over each span: no error, nothing that the page's policy refuses."""
    with browser(dark=dark) as (page, complaints):
        for span in ("15m", "7d"):
            show(page, suite, f"{board}/{span}")
            expect(page.locator(".failed")).to_have_count(0)
            expect(page.locator("main svg").first).to_be_visible()
            expect(page.get_by_role("heading", name="shop")).to_be_visible()
        assert (complaints, refused_by_policy(page)) == ([], [])


def test_every_source_has_its_charts(suite: Bench) -> None:
    """Machine, services, gateway, bus; tasks beside them."""
    with suite.api(key=False) as api:
        gateway = api.get("/api/health").json()["addresses"]["gateway"]
        with_one = {"query": "sum(rate(intertie_http_requests_total[30s])) > 0"}

        def is_measured() -> bool:
            api.get(f"{gateway}/")
            answer = api.get("/api/v1/query", params=with_one).json()
            return bool(answer["data"]["result"])

        until(is_measured)
    with browser() as (page, _):
        show(page, suite, "application/15m")
        for panel in ("service-cpu", "service-memory", "restarts", "requests", "bus-lag"):
            expect(page.locator(f"[data-panel='{panel}'] svg")).to_be_visible()
        expect(page.get_by_role("cell", name="tidy")).to_be_visible()
        show(page, suite, "system/15m")
        for panel in ("cpu", "memory", "disk-io", "network"):
            expect(page.locator(f"[data-panel='{panel}'] svg")).to_be_visible()


def test_where_there_is_nothing_it_says_why(suite: Bench) -> None:
    """What the suite does not have, and what nobody has fed."""
    with browser() as (page, _):
        show(page, suite, "application/15m")
        calls = page.locator("[data-panel='integration-calls']")
        expect(calls).to_contain_text("No data: this suite has no integrations")
        show(page, suite, "business/15m")
        revenue = page.locator("[data-panel='revenue']")
        expect(revenue).to_contain_text("intertie metrics feed revenue 1")


def test_what_is_alarming_is_explained(suite: Bench) -> None:
    """One click from the list to the rule; promises stand beside it."""
    with browser() as (page, complaints):
        show(page, suite, "system/15m")
        expect(page.locator("#alerts")).to_contain_text("many users")
        expect(page.locator("#slos")).to_contain_text("web")
        page.get_by_role("link", name="Busy").click()

        dialog = page.get_by_role("dialog", name="Busy")
        expect(dialog).to_contain_text("active_users > -100")
        dialog.get_by_role("button", name="Close").click()
        expect(dialog).to_be_hidden()
        assert complaints == []


def test_pointing_at_a_chart_tells_the_moment(suite: Bench) -> None:
    """By the mouse or the arrow keys."""
    with browser() as (page, _):
        show(page, suite, "business/1h")
        page.get_by_role("button", name="Live").click()
        chart, card = page.locator("[data-panel='active_users'] svg"), "[data-panel='active_users']"
        value = page.locator(f"{card} .legend b")
        before = value.inner_text()
        chart.hover(position={"x": 160, "y": 60})
        when = page.locator(f"{card} .when")
        expect(when).not_to_be_empty()
        pointed, then = value.inner_text(), when.inner_text()
        chart.focus()
        chart.press("ArrowLeft")

        expect(when).not_to_have_text(then)
        assert pointed != before


def test_it_follows_what_happens(suite: Bench) -> None:
    """Without being asked, while it is live."""
    with browser() as (page, _):
        show(page, suite, "business/15m")
        suite.ok("metrics", "feed", "active_users", "777")
        value = page.locator("[data-panel='active_users'] .legend b")

        expect(value).to_have_text("777", timeout=30_000)


def test_beyond_this_machine_it_asks_for_a_key(tmp_path: Path) -> None:
    """The page holds nothing; a wrong key is refused, the right one shows all."""
    with shown(tmp_path, host="0.0.0.0") as suite, browser() as (page, _):  # noqa: S104
        with suite.api(key=False) as api:
            assert api.get("/api/monitoring/dashboards").status_code == 401
            assert "active_users" not in api.get(PAGE).text
        page.goto(f"{suite.daemon()['api_url']}{PAGE}")
        page.get_by_label("Management key").fill("wrong")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_role("alert").first).to_contain_text("cannot do this without")
        page.get_by_label("Management key").fill((suite.state / "run" / "api.token").read_text())
        page.get_by_role("button", name="Show").click()

        expect(page.locator("[data-panel='cpu'] svg")).to_be_visible(timeout=30_000)
        expect(page.get_by_label("Management key")).to_be_hidden()
        assert refused_by_policy(page) == []


def test_a_command_prints_the_address(suite: Bench) -> None:
    """And opens it unless told otherwise."""
    address = suite.ok("metrics", "open", "--no-browser").out.strip()

    with suite.api(key=False) as api:
        answer = api.get(address)
    assert address.endswith(PAGE)
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["cache-control"] == "no-store"
