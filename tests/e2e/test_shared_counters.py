"""Limits that are counted in the suite's embedded bus."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tests.e2e.shop import Shop, until
from tests.harness import bench as open_bench

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SUITE = """
suite: counted
api: {port: auto}
bus: {}
identity: {}
tenants: {acme: {}}
gateway:
  port: auto
  rate_limiting: {default_rate: 1000/hour, burst_rate: 100/minute, counters: shared}
  routes:
    - {path: /api, service: web, strip: true}
    - {path: /hourly, service: web, strip: true, rate_limit: 1000/hour}
services:
  web:
    command: python3 -m uvicorn --port $(PORT) --log-level warning app:app
    port: auto
    healthcheck: {http: /, interval: 200ms}
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A suite with a bus, where exact limits are counted."""
    with open_bench(tmp_path_factory.mktemp("counted")) as made:
        yield Shop.up(made, SUITE)


def answers(shop: Shop, path: str, count: int) -> Counter[int]:
    """Statuses of so many requests, several at a time."""
    with ThreadPoolExecutor(4) as pool:
        return Counter(pool.map(lambda _: shop.get(path, "key").status_code, range(count)))


def test_limits_are_exact_and_outlive_the_door(shop: Shop) -> None:
    """Of 110 requests a minute takes 100, of 1,010 an hour 1,000, and none after a restart."""
    burst = answers(shop, "/api/x", 110)
    hourly = answers(shop, "/hourly/x", 1010)
    door = shop.pid("gateway.identity")
    psutil.Process(door).kill()
    until(lambda: shop.get("/api/x", "other key").status_code == 200)
    after = shop.get("/hourly/x", "key")

    assert burst == {200: 100, 429: 10}
    assert hourly == {200: 1000, 429: 10}
    assert after.status_code == 429
    assert int(after.headers["retry-after"]) > 3000


def test_a_client_sees_what_it_has_used_itself(shop: Shop) -> None:
    """Whatever it says of itself; looking costs nothing, and nobody else can look."""
    shop.get("/api/x", "other key")

    seen = [
        shop.get("/auth/usage", "other key", **forged)
        for forged in ({}, {"x-client-id": "user:root", "x-tenant-id": "default"})
    ]
    nobody = shop.get("/auth/usage")
    others = [
        shop.get(f"{path}?client=user:root&tenant=default", "other key").status_code
        for path in ("/usage", "/own-usage", "/auth/usage/x", "/auth/usage/..%2fusage")
    ]

    told = [each.json() for each in seen]
    for policy in (policy for each in told for policy in each["policies"]):
        del policy["reset_s"]  # time goes on between two looks
    assert told[0] == told[1]
    assert told[0]["client"].startswith("key:")
    assert told[0]["tenant"] == "acme"
    used = {each["policy"]: each["used"] for each in told[0]["policies"] if each["route"] == "*"}
    assert used["default"] >= 1
    assert nobody.status_code == 401
    assert 200 not in others
