"""Pages of other origins, through a real Envoy."""

from pathlib import Path
from typing import Any

import pytest

from tests.gateway.stage import shop

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CORS = {"allowed_origins": ["https://*.yourdomain.com"], "max_age": 3600}
ROUTES = ({"path": "/a", "methods": ["GET", "POST"], "cors": CORS}, {"path": "/b"})


def asks(origin: str, method: str = "POST") -> dict[str, str]:
    """What a browser sends before it sends the request of a page."""
    return {"origin": origin, "access-control-request-method": method}


@pytest.mark.parametrize(
    ("origin", "is_let_in"),
    [
        ("https://app.yourdomain.com", True),
        ("https://a.b.yourdomain.com", True),
        ("https://yourdomain.com", False),
        ("http://app.yourdomain.com", False),
        ("https://app.yourdomain.com:8443", False),
        ("https://app.yourdomain.com.evil.example", False),
        ("https://evilyourdomain.com", False),
        ("https://appxyourdomain.com", False),
        ("https://app.yourdomainxcom", False),
        ("https://.yourdomain.com", False),
        ("https://evil.example/.yourdomain.com", False),
        ("null", False),
    ],
)
async def test_a_wildcard_is_every_name_below_the_domain(
    tmp_path: Path, origin: str, is_let_in: bool
) -> None:
    """Scheme and port are the same, the domain itself is not meant, and nothing only looks so."""
    async with shop(tmp_path, *ROUTES) as (_, http, web):
        preflight = await http.options("/a", headers=asks(origin))
        answer = await http.get("/a", headers={"origin": origin})

    told = [each.headers.get("access-control-allow-origin") for each in (preflight, answer)]
    assert told == ([origin, origin] if is_let_in else [None, None])
    assert len(web.paths) == 1


async def test_a_preflight_is_answered_for_a_path_that_does_not_take_options(
    tmp_path: Path,
) -> None:
    """With what the route takes, and how long the browser may remember it; no service is asked."""
    async with shop(tmp_path, *ROUTES) as (_, http, web):
        answer = await http.options("/a", headers=asks("https://app.yourdomain.com"))

    assert answer.status_code == 200
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD, POST"
    assert answer.headers["access-control-max-age"] == "3600"
    assert web.paths == []


async def test_a_preflight_needs_no_login(tmp_path: Path) -> None:
    """Browsers send no credentials with it; the request itself needs them."""
    closed = {**ROUTES[0], "auth_required": True}
    async with shop(tmp_path, closed) as (_, http, _):
        headers = asks("https://app.yourdomain.com")
        preflight = await http.options("/a", headers=headers)
        refused = await http.post("/a", headers={"origin": "https://app.yourdomain.com"})

    assert (preflight.status_code, refused.status_code) == (200, 401)
    # So that the page can read why.
    assert refused.headers["access-control-allow-origin"] == "https://app.yourdomain.com"


async def test_answers_tell_stores_that_they_differ_by_origin(tmp_path: Path) -> None:
    """`vary: origin` also where no origin was sent; routes without CORS say nothing of it."""
    async with shop(tmp_path, *ROUTES) as (_, http, _):
        told = [(await http.get(path)).headers.get("vary") for path in ("/a", "/b")]

    assert told == ["origin", None]


@pytest.mark.parametrize(
    ("action", "status"), [({"answer": {"body": "{}"}}, 200), ({"redirect": {"to": "/new"}}, 308)]
)
async def test_what_the_gateway_answers_itself_is_for_pages_too(
    tmp_path: Path, action: dict[str, Any], status: int
) -> None:
    """Preflights as well, without a login; pages of others get no word."""
    cors = {**CORS, "allow_credentials": True}
    route = {"path": "/a", "methods": ["GET"], "cors": cors, **action, "auth_required": True}
    ours, theirs = "https://app.yourdomain.com", "https://evil.example"
    async with shop(tmp_path, route) as (made, http, _):
        preflight = await http.options("/a", headers=asks(ours, "GET"))
        asked = [
            await http.get("/a", headers={"origin": origin, **made.bearer()})
            for origin in (ours, theirs)
        ]
        foreign = await http.options("/a", headers=asks(theirs, "GET"))

    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-methods"] == "GET, HEAD"
    assert [each.status_code for each in asked] == [status, status]
    told = [preflight, *asked, foreign]
    names = [each.headers.get("access-control-allow-origin") for each in told]
    assert names == [ours, ours, None, None]
    assert asked[0].headers["access-control-allow-credentials"] == "true"
    assert [each.headers["vary"] for each in asked] == ["origin"] * 2


async def test_a_page_can_read_why_it_is_refused(tmp_path: Path) -> None:
    """Also where the gateway looks for a key and there is none."""
    route = {**ROUTES[0], "auth_required": True, "auth_methods": ["api_key"]}
    security = {"authentication": {"methods": ["api_key"], "api_keys": "sealed"}}
    async with shop(tmp_path, route, security=security) as (_, http, _):
        told = [
            await http.get("/a", headers={"origin": "https://app.yourdomain.com", **key})
            for key in ({}, {"x-api-key": "wrong"})
        ]

    assert [each.status_code for each in told] == [401, 401]
    names = {each.headers.get("access-control-allow-origin") for each in told}
    assert names == {"https://app.yourdomain.com"}
    assert [each.headers["vary"] for each in told] == ["origin", "origin"]


async def test_any_origin_gets_no_credentials(tmp_path: Path) -> None:
    """`*` and cookies together would open everything to every page."""
    cors = {"allowed_origins": "*", "allow_credentials": True}
    async with shop(tmp_path, {"path": "/a", "cors": cors}) as (_, http, _):
        answer = await http.get("/a", headers={"origin": "https://any.example"})

    assert answer.headers["access-control-allow-origin"] in {"*", "https://any.example"}
    assert "access-control-allow-credentials" not in answer.headers
