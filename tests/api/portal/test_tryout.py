"""The form that asks the gateway from the page, in Chromium."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from intertie.api.portal import sheet, tryout
from intertie.api.portal.document import operations
from intertie.runtime.ports import Ports
from tests.api.login.site import PASSWORD, Site
from tests.api.portal.site import DOCUMENT, EVIL, site


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[Site]:
    """A suite with a user."""
    with site(tmp_path / "suite", port=Ports().take("test")) as found:
        found.user("ada")
        yield found


def enter(page: Page, suite: Site, path: str) -> None:
    """By way of the login page."""
    page.goto(f"{suite.url}/auth/portal{path}")
    page.get_by_label("Login").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()
    page.wait_for_url(f"{suite.url}/auth/portal{path}")


@pytest.mark.slow
@pytest.mark.browser
def test_a_key_is_made_used_and_revoked(suite: Site, page: Page) -> None:
    """From the portal alone: made, sent from the page and from elsewhere, then of no use."""
    faults: list[str] = []
    page.on("console", lambda told: faults.append(told.text) if told.type == "error" else None)
    enter(page, suite, "")
    page.get_by_label("Name").fill("robot")
    page.get_by_role("button", name="Make the key").click()
    text = page.locator("#key").inner_text()

    def send() -> None:
        page.get_by_role("link", name="API", exact=True).click()
        page.get_by_role("link", name="PUT /orders/{id}").click()
        page.get_by_label("id (path)").fill("a/b c?")
        page.get_by_label("x-trace (header)").fill("t1")
        page.get_by_label("API key").fill(text)
        page.get_by_role("button", name="Send").click()

    send()
    expect(page.locator("#status")).to_contain_text("200")
    expect(page.locator("#sent")).to_have_text("PUT /orders/a%2Fb%20c%3F")
    expect(page.locator("#headers")).to_contain_text("x-seen: t1")
    expect(page.locator("#body-told")).to_contain_text('"kind":"key"')
    expect(page.locator("#body-told")).to_contain_text("<script>alert('x')</script>")
    assert httpx.put(f"{suite.url}/orders/1", headers={"x-api-key": text}).status_code == 200
    assert not faults

    page.get_by_role("link", name="API keys").click()
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("[role=status]")).to_have_text("The API key robot is revoked.")

    assert httpx.put(f"{suite.url}/orders/1", headers={"x-api-key": text}).status_code == 401
    send()
    expect(page.locator("#status")).to_contain_text("401")


@pytest.mark.slow
@pytest.mark.browser
def test_without_a_key_the_login_counts(suite: Site, page: Page) -> None:
    """The browser's own cookie is sent."""
    enter(page, suite, "/api/operation?id=put/orders")
    page.get_by_label("id (path)").fill("1")

    page.get_by_role("button", name="Send").click()

    expect(page.locator("#body-told")).to_contain_text('"kind":"user"')


def test_the_script_is_the_one_that_the_policy_names() -> None:
    """Which allows requests to the same origin, and nothing else."""
    policy = sheet.policy(tryout.SCRIPT)

    assert "connect-src 'self'" in policy
    assert policy.count("script-src 'sha256-") == 1


def test_what_the_document_says_is_inert() -> None:
    """Examples with scripts too."""
    form = "".join(map(tryout.offer, operations(DOCUMENT)))

    assert "&lt;script&gt;" in form
    assert EVIL not in form
