"""The pages, as the suite file makes them."""

from pathlib import Path

import pytest

from intertie.runtime.ports import Ports
from intertie.suite.identity import Tenant
from tests.api.login.site import made
from tests.api.login.test_wire import URL, asking

pytestmark = pytest.mark.anyio


async def test_a_named_provider_is_where_browsers_go_at_once(tmp_path: Path) -> None:
    """The suite's own page is not shown."""
    corporate = {"kind": "oidc", "issuer": "https://idp.test", "client_id": "suite"}
    suite = {
        "sso_configuration": {"provider": "corporate"},
        "providers": {"corporate": corporate},
    }
    async with made(tmp_path / "suite", suite, url=URL) as world, asking(world) as client:
        answer = await client.get("/auth/login?return_to=/a&login_hint=ada@example.com")

    assert answer.status_code == 303
    assert answer.headers["location"] == (
        "/auth/start/corporate?login_hint=ada%40example.com&return_to=%2Fa"
    )


async def test_a_tenant_s_host_offers_what_is_the_tenant_s(tmp_path: Path) -> None:
    """Neither shows nor starts the others' providers."""
    oidc = {"kind": "oidc", "issuer": "https://idp.test", "client_id": "suite"}
    suite = {"providers": {"ours": oidc, "theirs": {**oidc, "tenant": "acme"}}}
    tenants = {"acme": Tenant(domains=("acme.test",))}
    async with (
        made(tmp_path / "suite", suite, url=URL, tenants=tenants) as world,
        asking(world, "https://acme.test") as client,
    ):
        page = (await client.get("/auth/login")).text
        other = await client.get("/auth/start/ours")

    assert "Log in with theirs" in page
    assert "Log in with ours" not in page
    assert other.status_code == 403


async def test_a_provider_that_is_away(tmp_path: Path) -> None:
    """It is said which, and that trying again may help."""
    port = Ports().take("test")
    oidc = {"kind": "oidc", "issuer": f"http://localhost:{port}", "client_id": "suite"}
    suite = {"providers": {"corporate": oidc}}
    async with made(tmp_path / "suite", suite, url=URL) as world, asking(world) as client:
        answer = await client.get("/auth/start/corporate")

    assert answer.status_code == 502
    assert f"localhost:{port}" in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/auth/start/none"),
        ("GET", "/auth/callback/none?state=x&code=y"),
        ("GET", "/auth/saml/none/metadata"),
        ("GET", "/auth/saml/none/in?flow=x"),
        ("POST", "/auth/saml/none/acs"),
        ("GET", "/auth/second"),
        ("GET", "/auth/passkeys"),
    ],
)
async def test_nothing_to_go_on(tmp_path: Path, method: str, path: str) -> None:
    """A page with a reason, not a fault."""
    async with made(tmp_path / "suite", {}, url=URL) as world, asking(world) as client:
        answer = await client.request(method, path, data={"SAMLResponse": "x"})

    assert answer.status_code == 403
    assert 'role="alert"' in answer.text


async def test_what_the_suite_file_says_arrives(tmp_path: Path) -> None:
    """Secrets by their words, files below the suite's folder, domains of the provider or of all."""
    suite = {
        "sso_configuration": {"allowed_domains": ["example.com"], "cookie_secure": False},
        "providers": {
            "corporate": {
                "kind": "oidc",
                "issuer": "https://idp.test",
                "client_id": "suite",
                "client_secret": "${secret:oidc}",
                "allowed_domains": ["corp.test"],
                "tenant": "acme",
            },
            "partner": {"kind": "saml", "metadata": "idp.xml"},
            "office": {
                "kind": "ldap",
                "url": "ldaps://ldap.test",
                "ca_file": "ca.pem",
                "bind_password": "${secret:ldap}",
                "user_base": "dc=test",
            },
        },
    }
    async with made(tmp_path / "suite", suite, url=URL) as world:
        desk = world.desk

    corporate, office = desk.oidc["corporate"].settings, desk.ldap["office"].settings
    partner = desk.saml["partner"].settings
    assert corporate.client_secret == "a secret/with+odd:signs"
    assert (corporate.allowed_domains, corporate.tenant) == (("corp.test",), "acme")
    assert corporate.client_secret not in repr(corporate)
    assert (partner.metadata, partner.allowed_domains) == (
        str(tmp_path / "suite" / "idp.xml"),
        ("example.com",),
    )
    assert partner.own_id == f"{URL}/auth/saml/partner/metadata"
    assert (office.ca_file, office.bind_password) == (
        str(tmp_path / "suite" / "ca.pem"),
        "a directory's word",
    )
    assert desk.cookies.name() == "intertie"
