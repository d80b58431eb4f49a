"""Where browsers are asked which page sends a request."""

from intertie.gateway.policy import csrf
from intertie.gateway.routes import Sockets, Surroundings
from tests.gateway.rules import routes

AROUND = Surroundings(issuer="intertie", jwks={"keys": []}, sockets=Sockets(authorizer="a.sock"))
ALL = {"authentication": {"methods": ["jwt", "api_key", "session"]}}


def test_only_requests_with_a_cookie_are_looked_at() -> None:
    """Tokens and keys are not sent by a browser for pages of others."""
    [rule] = routes({"path": "/a", "service": "web"}, around=AROUND, security=ALL).rules

    assert csrf.on_route(rule, "session") is not None
    assert [csrf.on_route(rule, other) for other in ("jwt", "api_key", "none")] == [None] * 3


def test_it_can_be_switched_off() -> None:
    """For those who look at origins themselves."""
    security = {**ALL, "csrf": {"enabled": False}}
    [rule] = routes({"path": "/a", "service": "web"}, around=AROUND, security=security).rules

    assert csrf.on_route(rule, "session") is None


def test_other_origins_can_be_named() -> None:
    """Without their scheme, as the filter compares them; a star is some names below."""
    named = {"additional_origins": ["https://other.example", "https://*.more.example"]}
    [rule] = routes(
        {"path": "/a", "service": "web"}, around=AROUND, security={**ALL, "csrf": named}
    ).rules

    config = csrf.on_route(rule, "session")

    assert config is not None
    first, second = config["additional_origins"]
    assert first == {"exact": "other.example"}
    assert second["safe_regex"]["regex"].endswith(r"more\.example")
