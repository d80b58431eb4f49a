"""What the suite says of who may come in."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from intertie.suite import load
from intertie.suite.identity import Identity, LdapProvider, OidcProvider, Tenant

OIDC = {"kind": "oidc", "issuer": "https://idp.example", "client_id": "x"}


def test_the_defaults_are_the_guides() -> None:
    """`identity: {}` is all of it: the built-in page, a day, secure cookies, two groups."""
    made = Identity()

    assert made.sso_configuration.provider == "oauth2_proxy"
    assert made.sso_configuration.session_duration == 86400
    assert made.sso_configuration.cookie_secure is True
    assert made.sso_configuration.allowed_domains == ()
    assert made.rbac_integration.group_mapping == {
        "admins": ("admin", "superuser"),
        "users": ("user", "readonly"),
    }


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"sso_configuration": {"provider": "nobody"}}, "not one of `providers`"),
        ({"sso_configuration": {"allowed_domains": ["a@b.com"]}}, "expected a domain"),
        ({"sso_configuration": {"allowed_domains": ["*.b.com"]}}, "expected a domain"),
        ({"providers": {"a": {**OIDC, "client_secret": "open"}}}, "expected a reference"),
        ({"providers": {"a": {**OIDC, "issuer": "ftp://x"}}}, "pattern"),
        ({"providers": {"a": {"kind": "ldap", "url": "http://x", "user_base": "o"}}}, "pattern"),
        ({"rbac_integration": {"group_mapping": {"admins": ["a,b"]}}}, "pattern"),
    ],
)
def test_what_makes_no_sense_is_a_fault(keys: dict[str, Any], fault: str) -> None:
    """A secret in plain text is one."""
    with pytest.raises(ValidationError) as caught:
        Identity.model_validate(keys)

    assert fault in str(caught.value)


def test_tenants_are_said_as_the_guide_does() -> None:
    """Rates, features and what was promised."""
    made = Tenant.model_validate(
        {
            "rate_limits": {"requests_per_minute": 1000},
            "features": ["premium_apis", "advanced_analytics"],
            "sla": "99.9%",
        }
    )

    assert made.rate_limits.requests_per_minute == 1000
    with pytest.raises(ValidationError):
        Tenant.model_validate({"sla": "always"})


def test_a_suite_file_may_refer_to_the_secrets_of_providers(tmp_path: Path) -> None:
    """All the way from the text: the words themselves are a fault."""
    file = tmp_path / "suite.yaml"
    file.write_text("""
suite: shop
services: {web: {command: "true"}}
identity:
  providers:
    idp: {kind: oidc, issuer: "https://idp.example", client_id: x, client_secret: "${secret:idp}"}
    staff: {kind: ldap, url: "ldaps://ldap.example", user_base: o, bind_password: "${secret:ldap}"}
  clients:
    web: {redirect_uris: "https://web.example/", client_secret: ["${secret:a}", "${secret:b}"]}
""")

    made = load(file).suite.identity

    assert made is not None
    idp, staff = made.providers["idp"], made.providers["staff"]
    assert isinstance(idp, OidcProvider)
    assert isinstance(staff, LdapProvider)
    assert (idp.client_secret, staff.bind_password) == ("${secret:idp}", "${secret:ldap}")
    assert made.clients["web"].client_secret == ("${secret:a}", "${secret:b}")
