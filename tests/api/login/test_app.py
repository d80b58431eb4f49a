"""The login pages in Chromium, against a certified OpenID provider and the suite's own users."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pyotp import TOTP

from intertie.api.listen import bind
from intertie.runtime.ports import Ports
from tests.api.login.site import PASSWORD, TESTER, Site, site
from tests.identity.sso.peers import oidc_provider

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(700)]
SECOND = 5.0
ACCESS_S = 60


def corporate(issuer: str, **sso: Any) -> dict[str, Any]:
    """A suite with one OpenID provider. Any: the suite file's own."""
    return {
        "sso_configuration": {"allowed_domains": ["example.com"], **sso},
        "rbac_integration": {"group_mapping": {"admins": ["admin"], "users": ["user"]}},
        "providers": {
            "corporate": {
                "kind": "oidc",
                "issuer": issuer,
                "client_id": "suite",
                "client_secret": "${secret:oidc}",
                "scopes": ["openid", "email", "profile", "groups"],
            }
        },
    }


@pytest.fixture
def world(tmp_path: Path) -> Iterator[tuple[Site, str]]:
    """A suite and the provider it trusts, each knowing the other."""
    other = Ports().take("test")
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with (
            oidc_provider(f"http://localhost:{port}", port=other, access_s=ACCESS_S) as issuer,
            site(tmp_path / "suite", corporate(issuer), port=port, listener=listener) as found,
        ):
            yield found, issuer


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Site]:
    """A suite with its own users only."""
    mfa = {"methods": ["totp", "passkey", "email"], "required_for": ["admin"]}
    told = {"mfa": mfa, "rbac_integration": {"group_mapping": {"admins": ["admin"]}}}
    with site(tmp_path / "suite", told, port=Ports().take("test")) as found:
        yield found


def at_provider(page: Page, who: str, *, known: bool = False) -> None:
    """Log in there, and agree, which who is known has done before."""
    page.get_by_placeholder("Enter any login").fill(who)
    page.get_by_placeholder("and password").fill("anything")
    page.get_by_role("button", name="Sign-in").click()
    if not known:
        page.get_by_role("button", name="Continue").click()


def log_in(page: Page, found: Site, who: str, to: str = "/wanted") -> None:
    """The whole way."""
    page.goto(f"{found.url}/auth/login?return_to={to}")
    page.get_by_role("link", name="Log in with corporate").click()
    at_provider(page, who)


def me(page: Page, found: Site) -> dict[str, Any]:
    """What the suite says of the browser's user. Any: JSON."""
    answer = page.request.get(f"{found.url}/auth/me")
    told: dict[str, Any] = answer.json()
    return told


def type_password(page: Page, found: Site, login: str, to: str = "/wanted") -> None:
    """On the suite's own page."""
    page.goto(f"{found.url}/auth/login?return_to={to}")
    page.get_by_label("Login").fill(login)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in", exact=True).click()


def test_a_login_leads_back_to_the_page_wanted(world: tuple[Site, str], page: Page) -> None:
    """With the roles of the provider's groups, and a cookie that is only a number."""
    found, _ = world

    log_in(page, found, "admin-ada", to="/wanted?a=1")

    page.wait_for_url(f"{found.url}/wanted?a=1")
    told = me(page, found)
    assert (told["name"], told["roles"]) == ("admin-ada@example.com", ["admin"])
    cookies = {each["name"]: each for each in page.context.cookies(found.url)}
    session = cookies["__Host-intertie"]
    assert not [name for name in cookies if "-flow-" in name]
    assert len(session["value"]) == 43
    assert session["secure"]
    assert session["httpOnly"]
    assert session["sameSite"] == "Lax"


def test_tabs_do_not_disturb_each_other(world: tuple[Site, str], context: BrowserContext) -> None:
    """Both end where they were to go, whichever began first."""
    found, _ = world
    first, second = context.new_page(), context.new_page()
    for tab, to in ((first, "/first"), (second, "/second")):
        tab.goto(f"{found.url}/auth/login?return_to={to}")
        tab.get_by_role("link", name="Log in with corporate").click()
        tab.get_by_placeholder("Enter any login").wait_for()

    at_provider(first, "ada")
    first.wait_for_url(f"{found.url}/first")
    at_provider(second, "ada", known=True)

    second.wait_for_url(f"{found.url}/second")
    assert me(second, found)["name"] == "ada@example.com"


def test_abandoned_logins_do_not_pile_up(world: tuple[Site, str], page: Page) -> None:
    """The browser keeps the newest four, and the newest works."""
    found, _ = world
    for number in range(12):
        page.goto(f"{found.url}/auth/start/corporate?return_to=/page-{number}")

    flows = [each for each in page.context.cookies(found.url) if "-flow-" in each["name"]]
    at_provider(page, "ada")

    assert len(flows) == 4
    assert sum(len(each["value"]) for each in flows) < 4096
    page.wait_for_url(f"{found.url}/page-11")


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("eve@evil.test", "evil.test"),
        ("eve@sub.example.com", "sub.example.com"),
        ("eve@example.com.evil.test", "evil.test"),
        ("unverified-eve", "not verified the address"),
    ],
)
def test_others_are_kept_out(world: tuple[Site, str], page: Page, who: str, why: str) -> None:
    """With the reason, and without a session."""
    found, _ = world

    log_in(page, found, who)

    expect(page.get_by_role("alert")).to_contain_text(why)
    assert me(page, found)["error"] == "not_logged_in"


def test_the_login_gives_a_new_number(world: tuple[Site, str], page: Page) -> None:
    """A number that somebody else put into the browser is not taken over."""
    found, _ = world
    planted = "A" * 43
    address = found.url.replace("http:", "https:")
    page.context.add_cookies(
        [{"name": "__Host-intertie", "value": planted, "url": address, "secure": True}]
    )

    log_in(page, found, "ada")
    page.wait_for_url(f"{found.url}/wanted")

    values = [each["value"] for each in page.context.cookies(found.url)]
    assert planted not in values
    header = f"__Host-intertie={planted}"
    assert found.run(found.made.desk.sessions.lookup, header) is None


def test_leaving_here_leaves_there(world: tuple[Site, str], page: Page) -> None:
    """The provider is asked to end its session too, and brings the browser back."""
    found, issuer = world
    log_in(page, found, "ada")
    page.wait_for_url(f"{found.url}/wanted")

    page.goto(f"{found.url}/auth/logout")
    page.get_by_role("button", name="Log out", exact=True).click()
    page.wait_for_url(re.compile(re.escape(issuer)))
    page.get_by_role("button", name="Yes, sign me out").click()

    page.wait_for_url(re.compile(re.escape(f"{found.url}/auth/logged-out")))
    assert me(page, found)["error"] == "not_logged_in"
    page.goto(f"{found.url}/auth/start/corporate")
    expect(page.get_by_placeholder("Enter any login")).to_be_visible()


def test_leaving_there_leaves_here(world: tuple[Site, str], context: BrowserContext) -> None:
    """The provider tells it behind the browser's back, and only that session ends."""
    found, issuer = world
    page = context.new_page()
    log_in(page, found, "ada")
    page.wait_for_url(f"{found.url}/wanted")
    other = context.browser.new_context() if context.browser else None
    assert other is not None
    second = other.new_page()
    log_in(second, found, "ada")
    second.wait_for_url(f"{found.url}/wanted")

    page.goto(f"{issuer}/session/end")
    page.get_by_role("button", name="Yes, sign me out").click()
    page.wait_for_url(re.compile("session/end/success"))

    assert me(page, found)["error"] == "not_logged_in"
    assert me(second, found)["name"] == "ada@example.com"
    other.close()


def test_a_session_ends(world: tuple[Site, str], page: Page) -> None:
    """After an hour without use, and after a day whatever happens."""
    found, _ = world
    log_in(page, found, "ada")
    page.wait_for_url(f"{found.url}/wanted")

    for _ in range(3):
        found.made.clock.advance(0.9 * ACCESS_S / 2)
        assert me(page, found)["name"] == "ada@example.com"
    found.made.clock.advance(3601)

    assert me(page, found)["error"] == "not_logged_in"


def test_many_requests_renew_once(world: tuple[Site, str], page: Page) -> None:
    """The provider gives each refresh token once; a page full of requests does not log out."""
    found, issuer = world
    log_in(page, found, "ada")
    page.wait_for_url(f"{found.url}/wanted")
    found.made.clock.advance(ACCESS_S)

    statuses = page.evaluate(
        "Promise.all([...Array(20)].map(() => fetch('/auth/me').then((got) => got.status)))"
    )

    assert statuses == [200] * 20
    assert httpx.get(f"{issuer}/counts", timeout=30).json() == {"refresh": 1, "refused": 0}


def test_roles_follow_at_renewal_and_lock_out(world: tuple[Site, str], page: Page) -> None:
    """A user who is shut out is out at the next request, session or not."""
    found, _ = world
    log_in(page, found, "ada")
    page.wait_for_url(f"{found.url}/wanted")
    user = found.run(found.made.identities.users.by_login, "ada@example.com")
    assert user is not None

    found.run(found.made.identities.users.disable, TESTER, user.id)
    found.made.clock.advance(1)

    assert me(page, found)["error"] == "not_logged_in"


def test_a_flow_is_of_one_browser(world: tuple[Site, str], page: Page, chromium: Browser) -> None:
    """Whoever is sent somebody else's return address is told so, and not logged in."""
    found, _ = world
    page.goto(f"{found.url}/auth/start/corporate")
    page.context.clear_cookies(name=re.compile("intertie"))  # so that the answer stays unused
    at_provider(page, "mallory")
    page.wait_for_url(re.compile(r"/auth/callback/"))
    victim = chromium.new_context()
    tab = victim.new_page()

    tab.goto(page.url)

    expect(tab.get_by_role("alert")).to_contain_text("begun in another browser")
    assert me(tab, found)["error"] == "not_logged_in"
    victim.close()


def test_a_password_and_a_code(alone: Site, page: Page) -> None:
    """Who has an app is asked for its code; a wrong one leads nowhere, and each counts once."""
    user = alone.user("ada")
    totps = alone.made.identities.totps
    secret = alone.run(totps.enrol, TESTER, user.id).secret
    app = TOTP(secret)
    now = alone.made.clock
    alone.run(totps.confirm, TESTER, user.id, app.at(now()))
    now.advance(60)

    type_password(page, alone, "ada")
    page.get_by_label("Code of your app").fill("000000")
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert me(page, alone)["error"] == "not_logged_in"
    page.get_by_label("Code of your app").fill(app.at(now()))
    page.get_by_role("button", name="Go on").click()

    page.wait_for_url(f"{alone.url}/wanted")
    assert me(page, alone)["methods"] == ["pwd", "otp", "mfa"]


def test_a_wrong_password(alone: Site, page: Page) -> None:
    """It is said, not which of the two is wrong; the login stays."""
    page.goto(f"{alone.url}/auth/login")
    page.get_by_label("Login").fill("nobody")
    page.get_by_label("Password").fill("guess")
    page.get_by_role("button", name="Log in", exact=True).click()

    expect(page.get_by_role("alert")).to_have_text(
        "cannot log in: login or password is wrong; try again"
    )
    expect(page.get_by_label("Login")).to_have_value("nobody")


def test_who_must_have_a_second_factor_sets_one_up(alone: Site, page: Page) -> None:
    """At the first login, with recovery codes to keep; one of them is a way in."""
    alone.user("root", groups=["admins"])
    type_password(page, alone, "root")
    secret = page.locator("code").inner_text()

    page.get_by_label("Code of your app").fill(TOTP(secret).at(alone.made.clock()))
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("link", name="Continue")).to_be_visible()  # codes stand on both pages
    recovery = page.locator("code").first.inner_text()
    page.get_by_role("link", name="Continue").click()
    page.wait_for_url(f"{alone.url}/wanted")
    first = me(page, alone)
    page.context.clear_cookies()
    type_password(page, alone, "root")
    page.get_by_label("Code of your app").fill(recovery)
    page.get_by_role("button", name="Go on").click()
    page.wait_for_url(f"{alone.url}/wanted")

    assert first["roles"] == me(page, alone)["roles"] == ["admin"]


def test_a_code_by_mail(alone: Site, page: Page) -> None:
    """It is sent when asked for, and lets in."""
    alone.user("grace", email="grace@example.com", email_verified=True)
    type_password(page, alone, "grace")

    page.get_by_role("button", name="Send a code by e-mail").click()
    page.get_by_label("Code of the e-mail").wait_for()
    (text,) = alone.made.box.texts
    page.get_by_label("Code of the e-mail").fill(text.split()[0])
    page.get_by_role("button", name="Go on").click()

    page.wait_for_url(f"{alone.url}/wanted")
    assert me(page, alone)["name"] == "grace"


def test_a_passkey(alone: Site, page: Page) -> None:
    """It is added after a login, and lets in alone, and after the password."""
    alone.user("ada")
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
            }
        },
    )
    type_password(page, alone, "ada")
    page.wait_for_url(f"{alone.url}/wanted")
    page.goto(f"{alone.url}/auth/passkeys")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading")).to_have_text("The passkey is yours")
    page.context.clear_cookies()

    page.goto(f"{alone.url}/auth/login?return_to=/wanted")
    page.get_by_role("button", name="Log in with a passkey").click()
    page.wait_for_url(f"{alone.url}/wanted")
    by_passkey = me(page, alone)
    page.context.clear_cookies()
    type_password(page, alone, "ada")
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(f"{alone.url}/wanted")

    assert by_passkey["name"] == "ada"
    assert me(page, alone)["methods"] == ["pwd", "passkey", "mfa"]


def test_without_scripts(alone: Site, chromium: Browser) -> None:
    """Passwords need none."""
    alone.user("ada")
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()

    type_password(page, alone, "ada")

    page.wait_for_url(f"{alone.url}/wanted")
    assert me(page, alone)["name"] == "ada"
    context.close()


def test_nothing_of_the_pages_breaks_their_policy(alone: Site, page: Page) -> None:
    """No style, script or form of theirs is refused by the browser."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    alone.user("root", groups=["admins"])

    page.goto(f"{alone.url}/auth/login")
    type_password(page, alone, "root")
    page.get_by_label("Code of your app").wait_for()

    assert complaints == []
