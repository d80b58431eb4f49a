"""API keys that Envoy compares itself."""

from intertie.gateway.policy import keys
from intertie.gateway.routes import Surroundings
from tests.gateway.rules import routes

SEALED = {"authentication": {"methods": ["jwt", "api_key"], "api_keys": "sealed"}}


def test_keys_go_to_envoy_only_where_they_are_sealed() -> None:
    """Hashed ones are nobody's but the authorizer's to look at."""
    [sealed] = routes({"path": "/a", "service": "web"}, security=SEALED).rules
    [hashed] = routes({"path": "/a", "service": "web"}).rules

    assert sealed.credentials == ("api_key", "jwt")
    assert keys.on_route(sealed, "api_key") is not None
    assert keys.on_route(sealed, "jwt") is None
    assert hashed.credentials == ("jwt",)
    assert keys.on_route(hashed, "api_key") is None


def test_keys_are_not_shown() -> None:
    """Not where the form that holds them is printed."""
    around = Surroundings(issuer="intertie", jwks={"keys": []}, keys={"itk_secret": "{}"})
    made = routes({"path": "/a", "service": "web"}, around=around, security=SEALED)

    assert "itk_secret" not in repr(made) + repr(around)
    assert keys.config(made)["credentials"] == [{"key": "itk_secret", "client": "{}"}]
