import json
from typing import Any

import pytest

from intertie.gateway.routes import Routes, Sockets, Surroundings, build
from intertie.plan import Endpoint
from intertie.suite.model import Suite


def routes(*given: dict[str, Any], **endpoints: tuple[Endpoint, ...]) -> Routes:
    """The routes of a suite that has these."""
    suite = Suite.model_validate(
        {
            "suite": "test",
            "services": {route["service"]: {"command": "true", "port": "auto"} for route in given},
            "gateway": {"routes": given},
        }
    )
    return build(suite, endpoints, Surroundings(issuer="intertie", jwks={"keys": []}))


def test_the_path_with_most_segments_comes_first() -> None:
    """Whatever the order in the file."""
    made = routes(
        {"path": "/", "service": "web"},
        {"path": "/api/users", "service": "users"},
        {"path": "/api", "service": "api"},
    )

    assert [rule.route.path for rule in made.rules] == ["/api/users", "/api", "/"]


def test_a_literal_segment_comes_before_a_named_one() -> None:
    """Of two paths that are equally long, the one that is literal earlier wins."""
    made = routes(
        {"path": "/media/{id}/stream", "service": "any"},
        {"path": "/{kind}/new/stream", "service": "kinds"},
        {"path": "/media/new/{part}", "service": "new"},
    )

    paths = ["/media/new/{part}", "/media/{id}/stream", "/{kind}/new/stream"]
    assert [rule.route.path for rule in made.rules] == paths


def test_the_order_in_the_file_does_not_matter() -> None:
    """The same routes give the same table, so that an edit of the file's order changes nothing."""
    given = [{"path": f"/{name}", "service": name} for name in ("b", "a", "c")]

    assert routes(*given) == routes(*reversed(given))


@pytest.mark.parametrize(
    ("keys", "stripped"),
    [
        ({"path": "/api/users"}, ""),
        ({"path": "/api/users", "strip": True}, "/api/users"),
        ({"path": "/api/users/", "strip": True}, "/api/users"),
        ({"path": "/", "strip": True}, ""),
        ({"path": "/api/{id}/file", "strip": True}, "/api"),
        ({"path": "/{id}/file", "strip": True}, ""),
        ({"path": "/api/users", "strip_prefix": "/api"}, "/api"),
        ({"path": "/api/users", "strip_prefix": "/"}, ""),
    ],
)
def test_what_is_stripped(keys: dict[str, Any], stripped: str) -> None:
    """`strip` takes the literal beginning, `strip_prefix` what it says; never a last slash."""
    assert routes({"service": "web", **keys}).rules[0].strip == stripped


def test_who_may_get_may_also_ask_for_the_head() -> None:
    """HEAD comes with GET (RFC 9110, section 9.3.2), and with nothing else."""
    made = routes(
        {"path": "/a", "service": "web", "methods": ["GET"]},
        {"path": "/b", "service": "web", "methods": ["POST"]},
    )

    assert [rule.methods for rule in made.rules] == [("GET", "HEAD"), ("POST",)]


def test_a_service_without_replicas_keeps_its_cluster() -> None:
    """Its routes answer 503 until a replica is ready, and nothing is torn down meanwhile."""
    here = Endpoint("127.0.0.1", 3001)
    made = routes({"path": "/a", "service": "a"}, {"path": "/b", "service": "b"}, a=(here,))

    assert [(each.name, each.endpoints) for each in made.clusters] == [("a", (here,)), ("b", ())]


def test_services_no_route_names_are_left_out() -> None:
    """Only what is asked for can be reached."""
    made = routes({"path": "/a", "service": "a"}, hidden=(Endpoint("127.0.0.1", 3001),))

    assert [each.name for each in made.clusters] == ["a"]


def test_tokens_are_checked_against_the_key_set_given() -> None:
    """Issuer, audience and keys, as the translator needs them."""
    [tokens] = routes({"path": "/a", "service": "a"}).tokens

    assert (tokens.issuer, tokens.audiences) == ("intertie", ("intertie",))
    assert json.loads(tokens.jwks) == {"keys": []}


def test_a_suite_without_a_gateway_has_no_routes() -> None:
    """Such a suite closes all routes it had."""
    suite = Suite.model_validate({"suite": "x", "services": {"a": {"command": "true"}}})

    made = build(suite, {}, Surroundings(issuer="intertie", jwks={"keys": []}))

    assert (made.rules, made.clusters) == ((), ())


@pytest.mark.parametrize(
    ("counters", "sockets", "there"),
    [
        ("shared", Sockets(authorizer="a", login="l"), True),
        ("local", Sockets(authorizer="a", login="l"), False),
        ("shared", Sockets(), False),
    ],
)
def test_clients_see_their_usage_where_it_is_counted(
    counters: str, sockets: Sockets, there: bool
) -> None:
    """Below the login's path, for who shows a key, token or login, and never asked for others."""
    suite = Suite.model_validate(
        {
            "suite": "test",
            "services": {"web": {"command": "true"}},
            "identity": {},
            "gateway": {"port": 1, "rate_limiting": {"counters": counters}},
        }
    )

    found = build(suite, {}, Surroundings(issuer="", jwks={}, sockets=sockets))

    ours = [rule for rule in found.rules if rule.id == "/auth/usage"]
    assert bool(ours) == there
    assert all(rule.is_closed and rule.route.exact for rule in ours)
    assert all(rule.route.rewrite == "/own-usage" for rule in ours)
    assert [each.name for each in found.clusters] == []


def test_a_feature_lets_in_the_tenants_that_have_it() -> None:
    """Of those that the route names, if it names any; of none, nobody comes in."""
    suite = Suite.model_validate(
        {
            "suite": "test",
            "services": {"web": {"command": "true", "port": "auto"}},
            "tenants": {"a": {"features": ["premium"]}, "b": {}, "c": {"features": ["premium"]}},
            "gateway": {
                "routes": [
                    {"path": "/1", "service": "web", "feature": "premium"},
                    {"path": "/2", "service": "web", "feature": "premium", "tenants": ["a", "b"]},
                    {"path": "/3", "service": "web", "feature": "unknown"},
                    {"path": "/4", "service": "web"},
                ]
            },
        }
    )
    made = build(suite, {}, Surroundings(issuer="intertie", jwks={"keys": []}))

    assert {r.route.path: r.callers for r in made.rules} == {
        "/1": ("a", "c"), "/2": ("a",), "/3": (), "/4": None,
    }  # fmt: skip
