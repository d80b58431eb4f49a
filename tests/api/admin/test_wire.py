"""The admin page in Chromium: what browsers make of its cookies and forms."""

import shutil
from collections.abc import Iterator

import psutil
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.harness import Bench

pytestmark = [pytest.mark.slow, pytest.mark.browser]
_TIMEOUT_MS = 30_000


@pytest.fixture
def page() -> Iterator[Page]:
    """A tab of a browser without a past, and without scripts."""
    path = shutil.which("chromium")
    assert path, "no chromium"
    expect.set_options(timeout=_TIMEOUT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        tab = browser.new_context(java_script_enabled=False).new_page()
        tab.set_default_timeout(_TIMEOUT_MS)
        yield tab
        browser.close()


def sign_in(page: Page, bench: Bench) -> None:
    """With the management key."""
    page.goto(f"{bench.daemon()['api_url']}/admin")
    page.get_by_label("Management key").fill((bench.state / "run" / "api.token").read_text())
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Services")).to_be_visible()


def test_a_service_is_restarted_by_a_button(running: Bench, page: Page) -> None:
    """Without a script: another process runs afterwards, and the page tells of the change."""
    before = running.service("echo")["replicas"][0]["pid"]
    sign_in(page, running)
    row = page.get_by_role("row").filter(has=page.get_by_text("echo", exact=True)).first

    row.get_by_role("button", name="Restart").click()
    expect(page.get_by_text("restart echo").first).to_be_visible()
    with running.api() as api:
        change = api.get("/api/changes").json()["items"][0]["id"]
        api.get(f"/api/changes/{change}/events", timeout=60)

    after = running.service("echo")["replicas"][0]["pid"]
    page.get_by_role("link", name="Services").click()
    expect(page.get_by_text(f"pid {after}")).to_be_visible()
    assert after != before
    assert not psutil.pid_exists(before)


def test_the_gateways_routes_are_there(running: Bench, page: Page) -> None:
    """Of the suite that runs; without identities that is said."""
    sign_in(page, running)

    page.get_by_role("link", name="Routes").click()
    expect(page.get_by_role("cell", name="/web")).to_be_visible()
    page.get_by_role("link", name="Users and keys").click()
    expect(page.get_by_role("alert")).to_contain_text("the suite has no `identity:`")


def test_other_ports_of_the_machine_get_no_cookie(running: Bench, page: Page) -> None:
    """A service of the suite that the same browser visits learns nothing."""
    sign_in(page, running)
    door = page.url

    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.headers.get("cookie", "")))
    port = running.service("web")["replicas"][0]["port"]
    page.goto(f"http://127.0.0.1:{port}/admin")
    page.goto(f"http://127.0.0.1:{port}/")
    elsewhere = [each["name"] for each in page.context.cookies(f"http://127.0.0.1:{port}/admin")]

    assert not any(sent)
    assert not elsewhere
    assert [each["name"] for each in page.context.cookies(door)] == ["intertie-admin"]


def test_who_signs_out_is_asked_again(running: Bench, page: Page) -> None:
    """Also by the browser's history."""
    sign_in(page, running)
    door = page.url

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.goto(door)

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
