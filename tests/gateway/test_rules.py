"""What the authorizer is told of the routes."""

from intertie.gateway.routes import Sockets, Surroundings
from intertie.gateway.rules import authorizer_rules, is_asked
from tests.gateway.rules import routes

AROUND = Surroundings(issuer="x", jwks={"keys": []}, sockets=Sockets(authorizer="a.sock"))
ALL = {"authentication": {"methods": ["jwt", "api_key", "session"]}}


def test_it_is_told_of_the_routes_that_it_is_asked_about() -> None:
    """Open routes are none of its business, nor are tokens, which Envoy checks."""
    made = routes(
        {"path": "/open", "service": "web", "auth_required": False},
        {"path": "/all", "service": "web", "roles": ["admin"], "scopes": ["read"]},
        {"path": "/tokens", "service": "web", "auth_methods": ["jwt"]},
        around=AROUND,
        security=ALL,
    )

    rules = authorizer_rules(made)

    assert set(rules.routes) == {"/all"}
    told = rules.routes["/all"]
    assert set(told.auth) == {"key", "session", "token"}
    assert (told.roles, told.scopes, told.limited) == (("admin",), ("read",), False)


def test_shared_counters_are_its_own() -> None:
    """Then every request of a limited route is asked about, tokens and open routes too."""
    made = routes(
        {"path": "/a", "service": "web", "auth_required": False},
        {"path": "/b", "service": "web", "unlimited": True, "auth_required": False},
        around=AROUND,
        rate_limiting={"counters": "shared"},
        security=ALL,
    )

    first, second = made.rules
    assert is_asked(first, "none")
    assert not is_asked(second, "none")
    assert authorizer_rules(made).routes["/a"].limited is True


def test_without_an_authorizer_nobody_comes_in_by_what_only_it_can_check() -> None:
    """A key is then no key, and the route is closed to it."""
    [rule] = routes(
        {"path": "/a", "service": "web", "auth_methods": ["api_key"]}, security=ALL
    ).rules

    assert rule.credentials == ("missing",)


def test_of_a_sealed_key_envoy_decides_only_who_it_is() -> None:
    """What else a route asks of its caller is for the authorizer to look at."""
    sealed = {"authentication": {"methods": ["api_key"], "api_keys": "sealed"}}
    made = routes(
        {"path": "/plain", "service": "web"},
        {"path": "/scoped", "service": "web", "scopes": ["orders"]},
        {"path": "/roles", "service": "web", "roles": ["admin"]},
        {"path": "/bought", "service": "web", "feature": "premium"},
        around=AROUND,
        security=sealed,
    )

    asked = {rule.route.path for rule in made.rules if is_asked(rule, "api_key")}
    assert asked == {"/scoped", "/roles", "/bought"}
