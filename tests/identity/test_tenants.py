"""The tenants of the suite."""

import pytest

from intertie.errors import NotFoundError
from intertie.identity.tenants import Tenants
from tests.identity.house import TENANTS


def test_the_default_tenant_is_always_there() -> None:
    """Beside those that the suite declares."""
    assert TENANTS.names == {"default", "acme"}
    assert Tenants({}).get("default").domains == ()


def test_an_unknown_tenant_is_named() -> None:
    """With what to do."""
    with pytest.raises(NotFoundError, match="cannot find tenant 'nosuch': add it to `tenants:`"):
        TENANTS.get("nosuch")


@pytest.mark.parametrize(
    ("host", "tenant"),
    [
        ("acme.example.com", "acme"),
        ("ACME.Example.com:8443", "acme"),
        ("acme.example.com.", "acme"),
        ("x.acme.example.com", None),
        ("acme.example.com.evil.test", None),
        ("", None),
    ],
)
def test_a_host_is_of_the_tenant_that_names_it(host: str, tenant: str | None) -> None:
    """Case, port and a trailing dot do not matter; parents and children do."""
    assert TENANTS.of_host(host) == tenant
