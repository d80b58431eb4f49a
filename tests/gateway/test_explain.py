"""What is said of a request beforehand is what Envoy does."""

from pathlib import Path
from typing import Any

import pytest

from intertie.gateway.explain import Asked, explain
from intertie.gateway.routes import Surroundings, build
from tests.gateway.rules import routes
from tests.gateway.stage import client, door, suite_of, upstream

ROUTES: list[dict[str, Any]] = [
    {"path": "/", "service": "web", "methods": ["GET"], "auth_required": False},
    {"path": "/a", "service": "web", "auth_required": False},
    {"path": "/a", "service": "web", "auth_required": False, "headers": {"x-v": "2"}},
    {"path": "/a/{id}", "service": "web", "auth_required": False, "exact": True},
    {"path": "/a/new", "service": "web", "auth_required": False, "methods": ["POST"]},
    {"path": "/closed", "service": "web"},
    {"path": "/q", "service": "web", "auth_required": False, "query": {"b": None}},
    {"path": "/old", "redirect": {"to": "/a"}, "auth_required": False},
    {"path": "/mock", "answer": {"status": 202}, "auth_required": False},
    {"path": "/h", "service": "web", "auth_required": False, "hosts": ["*.example.com"]},
]  # fmt: skip
REQUESTS: list[tuple[str, str, dict[str, str]]] = [
    ("GET", "/", {}),
    ("POST", "/", {}),
    ("GET", "/a", {}),
    ("GET", "/a", {"x-v": "2"}),
    ("GET", "/a/1", {}),
    ("GET", "/a/1/2", {}),
    ("GET", "/a/new", {}),
    ("POST", "/a/new", {}),
    ("POST", "/a/new/x", {}),
    ("GET", "/closed", {}),
    ("GET", "/q", {}),
    ("GET", "/q?b=1", {}),
    ("GET", "/old", {}),
    ("GET", "/mock", {}),
    ("POST", "/h", {"host": "x.example.com"}),
    ("POST", "/h", {"host": "example.com"}),
    ("GET", "//a//1", {}),
    ("GET", "/x/../a", {}),
    ("DELETE", "/nowhere", {}),
]


@pytest.mark.anyio
@pytest.mark.slow
async def test_envoy_does_what_was_said(tmp_path: Path) -> None:
    """Request for request: the same status, and a service is asked exactly when that was said."""
    suite = suite_of(*ROUTES)
    made = build(suite, {}, Surroundings(issuer="intertie", jwks={"keys": []}))
    async with (
        upstream("web") as web,
        door(tmp_path, suite, {"web": [web.port]}) as gateway,
        client(gateway) as http,
    ):
        for method, target, headers in REQUESTS:
            said = explain(made, Asked(method, target, {"host": "other", **headers}))
            web.paths.clear()
            request = http.build_request(method, "/", headers={"host": "other", **headers})
            request.url = request.url.copy_with(raw_path=target.encode())
            got = await http.send(request)
            assert got.status_code == (said.status or 200), (method, target, said)
            assert bool(web.paths) == (said.status is None), (method, target, said)


def test_each_decision_names_the_line_that_made_it() -> None:
    """The route's own key where it says something, else that of the gateway."""
    made = routes(
        {"path": "/a", "service": "web", "roles": ["admin"], "rate_limit": "5/hour"},
        {"path": "/b", "service": "web"},
        rate_limiting={},
        security={"cors": {"allowed_origins": "*"}},
    )

    own = explain(made, Asked("GET", "/a", {"authorization": "Bearer x"}))
    other = explain(made, Asked("GET", "/b", {"authorization": "Bearer x"}))

    found = {each.policy: (each.value, each.keys) for each in own.decisions}
    assert own.status is None
    assert found["roles"] == ("one of admin", ("gateway", "routes", 0, "roles"))
    assert found["rate limit"] == ("5/hour of one client", ("gateway", "routes", 0, "rate_limit"))
    keys = [each.keys for each in other.decisions if each.policy == "rate limit"]
    assert keys == [
        ("gateway", "rate_limiting", "default_rate"),
        ("gateway", "rate_limiting", "burst_rate"),
    ]


def test_what_is_missing_is_said() -> None:
    """Of a request that shows nothing, what would be accepted."""
    made = routes({"path": "/a", "service": "web"})

    outcome = explain(made, Asked("GET", "/a"))

    assert outcome.status == 401
    assert "jwt" in outcome.why
