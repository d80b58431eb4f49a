"""What a login gave to a client."""

import json

from intertie.identity.principal import Principal
from intertie.identity.tokens.grant import Grant

ADA = Principal("user", "ada", "acme", "Ada", ("admin",), ("staff",), ())
GRANT = Grant("g1", "web", ADA, ("openid", "orders"), "s1", 1_800_000_000, "ada@example.com")


def test_a_grant_comes_back_from_the_store_as_it_was() -> None:
    """Through JSON."""
    assert Grant.parse(json.loads(json.dumps(GRANT.document()))) == GRANT


def test_a_client_can_do_no_more_than_it_was_given() -> None:
    """The user it acts for has the scopes of the grant."""
    assert GRANT.acting.scopes == ("openid", "orders")
    assert GRANT.acting.roles == ("admin",)
