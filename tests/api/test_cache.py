"""REST routes of the gateway's cache."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.harness import Bench
from tests.harness import bench as open_bench

pytestmark = pytest.mark.slow
SUITE = """
suite: cached
api: {port: auto}
gateway:
  port: auto
  caching: {default_ttl: 300}
  routes:
    - {path: /web, service: web, strip: true, auth_required: false}
services:
  web:
    command: python3 -m http.server --bind 127.0.0.1 $(PORT)
    port: auto
    healthcheck: {http: /, interval: 200ms}
"""


@pytest.fixture(scope="module")
def cached(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A running suite with a cache."""
    with open_bench(tmp_path_factory.mktemp("cached")) as made:
        made.write(SUITE)
        made.ok("up", "--detach")
        yield made


def visit(cached: Bench, path: str) -> str:
    """One request through the gateway; its whole address."""
    url = cached.daemon()["gateway_url"] + path
    assert httpx.get(url, trust_env=False).status_code == 200
    return str(url)


def test_answers_are_counted_explained_and_forgotten(cached: Bench) -> None:
    """Over one address: kept, found, and gone."""
    url = visit(cached, "/web/suite.yaml")
    with cached.api() as api:
        before = api.post("/api/cache/why", json={"url": url}).json()
        stats = api.get("/api/cache").json()
        purged = api.post("/api/cache/purge", json={"url": "/web/suite.yaml"})
        after = api.post("/api/cache/why", json={"url": url}).json()

    assert (before["verdict"], before["route"]) == ("hit", "/web")
    assert stats["answers"] >= 1
    assert purged.json() == {"answers": 1}
    assert (after["verdict"], after["variants"]) == ("miss", [])


def test_a_purge_needs_the_key(cached: Bench) -> None:
    """To look, on this machine, one needs none."""
    with cached.api(key=False) as api:
        assert api.post("/api/cache/purge", json={"all": True}).status_code == 401
        assert api.get("/api/cache").status_code == 200
        assert api.post("/api/cache/why", json={"url": "/web"}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("purge", {}, 422),
        ("purge", {"url": "/a", "all": True}, 422),
        ("purge", {"url": "a"}, 422),
        ("purge", {"tag": "a\nb"}, 422),
        ("purge", {"all": True, "else": 1}, 422),
        ("why", {"url": "/none"}, 404),
        ("why", {"url": "/web", "headers": {"a b": "c"}}, 422),
        ("why", {"url": "/web", "headers": {"a": "b\r\nc: d"}}, 422),
        ("why", {"url": "/" + "a" * 9000}, 422),
    ],
)
def test_what_is_faulty_is_refused(cached: Bench, path: str, body: Any, status: int) -> None:
    """As a problem document. Any: JSON."""
    with cached.api() as api:
        answer = api.post(f"/api/cache/{path}", json=body)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_metrics_have_what_the_cache_did(cached: Bench) -> None:
    """Beside those of services."""
    visit(cached, "/web/")
    with cached.api() as api:
        text = api.get("/metrics").text

    assert "# TYPE intertie_cache_hits_total counter" in text
    assert "intertie_cache_max_bytes 6.7108864e+07" in text


def test_a_suite_without_a_cache_says_so(running: Bench) -> None:
    """409, and what to add."""
    with running.api() as api:
        answers = [
            api.get("/api/cache"),
            api.post("/api/cache/purge", json={"all": True}),
            api.post("/api/cache/why", json={"url": "/web"}),
        ]
        metrics = api.get("/metrics").text

    assert {each.status_code for each in answers} == {409}
    assert all("no `gateway.caching`" in each.json()["detail"] for each in answers)
    assert "intertie_cache" not in metrics
