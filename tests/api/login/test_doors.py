"""The ways in through directories and SAML providers, in Chromium."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from intertie.runtime.ports import Ports
from tests.api.login.site import Site, site
from tests.identity.sso.saml_world import partners
from tests.identity.sso.slapd import BASE, PASSWORD, READER, slapd

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(700)]


def office(server: Any) -> dict[str, Any]:
    """A suite with a directory. Any: the suite file's own."""
    return {
        "sso_configuration": {"allowed_domains": ["example.com"]},
        "rbac_integration": {"group_mapping": {"admins": ["admin"], "users": ["user"]}},
        "providers": {
            "office": {
                "kind": "ldap",
                "url": server.plain,
                "ca_file": server.ca_file,
                "bind_dn": READER,
                "bind_password": "${secret:ldap}",
                "user_base": f"ou=people,{BASE}",
            }
        },
    }


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Site]:
    """A suite whose users are in a directory, beside its own."""
    with (
        slapd(tmp_path / "slapd") as server,
        site(tmp_path / "suite", office(server), port=Ports().take("test")) as found,
    ):
        yield found


def told(page: Page, found: Site) -> dict[str, Any]:
    """Who the suite thinks it is. Any: JSON."""
    answer: dict[str, Any] = page.request.get(f"{found.url}/auth/me").json()
    return answer


def type_password(page: Page, found: Site, login: str, password: str) -> None:
    """For the directory."""
    page.goto(f"{found.url}/auth/login?return_to=/wanted")
    page.get_by_label("Account").select_option("office")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in", exact=True).click()


def test_a_directory_s_user_comes_in(directory: Site, page: Page) -> None:
    """With the roles of the groups there; wrong passwords and other domains do not."""
    type_password(page, directory, "ada", "wrong")
    expect(page.get_by_role("alert")).to_contain_text("login or password is wrong")
    type_password(page, directory, "eve", PASSWORD)
    expect(page.get_by_role("alert")).to_contain_text("allowed_domains")
    assert told(page, directory)["error"] == "not_logged_in"

    type_password(page, directory, "ada", PASSWORD)

    page.wait_for_url(f"{directory.url}/wanted")
    found = told(page, directory)
    assert (found["name"], found["roles"]) == ("ada@example.com", ["admin", "user"])
    assert found["provider"] == "office"


@pytest.mark.parametrize("post", [False, True])
def test_a_saml_provider_s_user_comes_in(tmp_path: Path, page: Page, *, post: bool) -> None:
    """From another site, which posts the answer: the cookies of the login still count."""
    with partners(tmp_path / "suite", post=post) as (found, _):
        page.goto(f"{found.url}/auth/login?return_to=/wanted")
        page.get_by_role("link", name="Log in with partner").click()
        if post:
            page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Go").click()

        page.wait_for_url(f"{found.url}/wanted")
        known = told(page, found)

    assert (known["name"], known["roles"]) == ("ada@example.com", ["admin"])


def test_a_saml_answer_is_of_one_browser(tmp_path: Path, page: Page) -> None:
    """Who did not begin the login does not end it, though the answer is good."""
    with partners(tmp_path / "suite") as (found, _):
        page.goto(f"{found.url}/auth/login?return_to=/wanted")
        page.get_by_role("link", name="Log in with partner").click()
        page.get_by_role("button", name="Go").wait_for()
        page.context.clear_cookies()

        page.get_by_role("button", name="Go").click()

        expect(page.get_by_role("alert")).to_contain_text("begun in another browser")
        assert told(page, found)["error"] == "not_logged_in"
