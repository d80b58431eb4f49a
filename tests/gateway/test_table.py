"""What routes ask for and do, through a real Envoy."""

from collections import Counter
from pathlib import Path

import pytest

from tests.gateway.stage import client, door, shop, suite_of, upstream
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_requests_are_told_apart_by_headers_query_and_cookies(tmp_path: Path) -> None:
    """Of one path the route that asks for more wins; who has none of it gets the one for all."""
    routes = (
        {"path": "/a", "request_headers": {"set": {"x-route": "plain"}}},
        {"path": "/a", "headers": {"x-v": 2}, "request_headers": {"set": {"x-route": "header"}}},
        {"path": "/a", "query": {"beta": None}, "request_headers": {"set": {"x-route": "query"}}},
        {
            "path": "/a",
            "cookies": {"group": {"regex": "b[0-9]+"}},
            "request_headers": {"set": {"x-route": "cookie"}},
        },
    )
    async with shop(tmp_path, *routes) as (_, http, _):
        asked = [
            await http.get("/a"),
            await http.get("/a", headers={"x-v": "2"}),
            await http.get("/a", headers={"x-v": "22"}),
            await http.get("/a?beta=1"),
            await http.get("/a", headers={"cookie": "x=1; group=b12; y=2"}),
            await http.get("/a", headers={"cookie": "group=c12"}),
        ]

    told = [each.json()["headers"]["x-route"] for each in asked]
    assert told == ["plain", "header", "plain", "query", "cookie", "plain"]


async def test_a_route_of_a_host_wins_over_one_of_all(tmp_path: Path) -> None:
    """Case, port and a star for names below make no difference to who is meant."""
    routes = (
        {"path": "/a", "answer": {"body": "all"}},
        {"path": "/a", "hosts": ["api.example.com", "*.example.org"], "answer": {"body": "own"}},
    )
    async with shop(tmp_path, *routes) as (_, http, _):
        hosts = [
            "api.example.com",
            "API.example.com:8000",
            "x.example.org",
            "example.org",
            "other.example.com",
        ]
        got = [(await http.get("/a", headers={"host": host})).text for host in hosts]

    assert got == ["own", "own", "own", "all", "all"]


async def test_an_exact_path_takes_nothing_below_it(tmp_path: Path) -> None:
    """Neither a segment more nor a slash at the end."""
    async with shop(tmp_path, {"path": "/a", "exact": True}) as (_, http, _):
        got = [(await http.get(path)).status_code for path in ("/a", "/a?b=1", "/a/b", "/a/")]

    assert got == [200, 200, 404, 404]


@pytest.mark.parametrize(
    ("route", "asked", "forwarded"),
    [
        ({"path": "/a", "rewrite": "/b"}, "/a/c?d=/a", "/b/c"),
        ({"path": "/a", "rewrite": "/b/"}, "/a", "/b"),
        ({"path": "/u/{id}/o/{no}", "rewrite": "/o/{no}/u/{id}"}, "/u/7/o/9/x", "/o/9/u/7/x"),
        ({"path": "/u/{id}", "rewrite": "/{id}", "exact": True}, "/u/7", "/7"),
        ({"path": "/v1.0/{id}", "rewrite": "/new/{id}"}, "/v1.0/x", "/new/x"),
    ],
)
async def test_a_path_is_rewritten_with_its_own_segments(
    tmp_path: Path, route: dict[str, str], asked: str, forwarded: str
) -> None:
    """What stands below the route's path is kept, and so is the query."""
    async with shop(tmp_path, route) as (_, http, _):
        answer = (await http.get(asked)).json()

    assert answer["path"] == forwarded
    assert answer["query"] == asked.partition("?")[2]


async def test_clients_are_sent_elsewhere(tmp_path: Path) -> None:
    """With the status wanted, the query kept, and segments of the path in place."""
    routes = (
        {"path": "/old/{id}", "redirect": {"to": "https://new.example/items/{id}", "status": 301}},
        {"path": "/moved", "redirect": {"to": "/new"}},
        {"path": "/bare", "redirect": {"to": "/new", "status": 302, "strip_query": True}},
    )
    async with shop(tmp_path, *routes) as (made, http, web):
        got = [await http.get(path) for path in ("/old/7?a=1", "/moved?a=1", "/bare?a=1")]

    told = [(each.status_code, each.headers["location"]) for each in got]
    assert told == [
        (301, "https://new.example/items/7?a=1"),
        (308, f"{made.url}/new?a=1"),
        (302, f"{made.url}/new"),
    ]
    assert web.paths == []


async def test_the_gateway_answers_by_itself(tmp_path: Path) -> None:
    """Status, type and text as the suite has them; percent signs are just that."""
    answer = {"status": 201, "body": '{"part": "100%"}', "content_type": "application/vnd.x+json"}
    async with shop(tmp_path, {"path": "/mock", "answer": answer}) as (_, http, _):
        got = await http.post("/mock")

    assert (got.status_code, got.text) == (201, '{"part": "100%"}')
    assert got.headers["content-type"] == "application/vnd.x+json"


async def test_headers_are_changed_on_the_way(tmp_path: Path) -> None:
    """Set, added and taken away, both ways; text is never taken for a command."""
    route = {
        "path": "/",
        "host_rewrite": "inner.example",
        "request_headers": {
            "set": {"x-a": "100% %REQ(:path)%"},
            "add": {"x-b": "2"},
            "remove": ["x-c"],
        },
        "response_headers": {"set": {"x-d": "50%"}, "remove": ["content-type"]},
    }
    async with shop(tmp_path, route) as (_, http, _):
        got = await http.get("/", headers={"x-a": "old", "x-c": "gone"})

    told = got.json()["headers"]
    assert told["x-a"] == "100% %REQ(:path)%"
    assert told["x-b"] == "2"
    assert told["host"] == "inner.example"
    assert "x-c" not in told
    assert got.headers["x-d"] == "50%"
    assert "content-type" not in got.headers


async def test_every_answer_has_the_security_headers(tmp_path: Path) -> None:
    """Unless the service says otherwise, or the suite switches them off."""
    async with shop(tmp_path, {"path": "/"}) as (_, http, _):
        headers = (await http.get("/")).headers
    async with shop(tmp_path / "off", {"path": "/"}, security={"headers": {"enabled": False}}) as (
        _,
        http,
        _,
    ):
        off = (await http.get("/")).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert "referrer-policy" in headers
    assert "x-frame-options" not in off


async def test_requests_are_split_by_weight_and_mirrored(tmp_path: Path) -> None:
    """A tenth goes to the canary; the mirror gets a copy of each, and nobody waits for it."""
    split = [{"service": "web", "weight": 90}, {"service": "canary", "weight": 10}]
    routes = (
        {"path": "/split", "split": split, "auth_required": False},
        {"path": "/m", "service": "web", "mirror": {"service": "canary"}, "auth_required": False},
    )
    async with (
        upstream("web") as web,
        upstream("canary") as canary,
        door(tmp_path, suite_of(*routes), {"web": [web.port], "canary": [canary.port]}) as made,
        client(made) as http,
    ):
        told = Counter([(await http.get("/split")).json()["service"] for _ in range(300)])
        canary.paths.clear()
        answers = {(await http.get("/m")).json()["service"] for _ in range(5)}
        await eventually(lambda: len(canary.paths) == 5, 60)

    assert 5 <= told["canary"] <= 80
    assert answers == {"web"}


async def test_answers_that_count_as_failed_are_asked_for_again(tmp_path: Path) -> None:
    """As often as the route says; a POST only when that is said too."""
    retries = {"max_attempts": 2, "statuses": [418], "on": ["connect-failure"]}
    routes = (
        {"path": "/a", "retries": retries, "fault": None},
        {"path": "/b", "retries": {**retries, "unsafe_methods": True}},
    )
    async with shop(tmp_path, *routes) as (_, http, web):
        web.status = 418
        await http.get("/a")
        gets = len(web.paths)
        await http.post("/a")
        posts = len(web.paths) - gets
        await http.post("/b")

    assert (gets, posts, len(web.paths) - gets - posts) == (3, 1, 3)


@pytest.mark.parametrize(
    "path",
    ["/a;x=1", "/a%3bx", "/a%252e", "/a%25%32%65", "/a%0a", "/a%7f", "/;/secret"],
)
async def test_a_path_that_services_read_in_two_ways_is_refused(tmp_path: Path, path: str) -> None:
    """Where the gateway keeps anybody out; where all is open, a service gets what was sent."""
    async with shop(tmp_path / "open", {"path": "/"}) as (_, http, _):
        open_to_all = (await http.get(path)).status_code
    routes = ({"path": "/"}, {"path": "/secret", "auth_required": True})
    async with shop(tmp_path / "closed", *routes) as (_, http, _):
        guarded = await http.get(path)
        plain = [await http.get(each) for each in ("/a?x=1;y=%252e", "/100%25", "/a%20b")]

    assert open_to_all == 200
    assert guarded.status_code == 400
    assert "more than one way" in guarded.json()["detail"]
    assert [each.status_code for each in plain] == [200, 200, 200]


async def test_a_host_with_a_dot_at_its_end_is_the_same(tmp_path: Path) -> None:
    """So its rules hold, also with a port and in capitals."""
    routes = ({"path": "/"}, {"path": "/", "hosts": ["shop.test"], "auth_required": True})
    hosts = ("shop.test", "shop.test.", "SHOP.test.:80", "shop.test:80", "other.test")
    async with shop(tmp_path, *routes) as (_, http, _):
        codes = [(await http.get("/", headers={"host": host})).status_code for host in hosts]

    assert codes == [401, 401, 401, 401, 200]
