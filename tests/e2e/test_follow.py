"""The gateway follows what the supervisor does, and no request is lost over it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import psutil
import pytest

from tests.harness import Bench

pytestmark = pytest.mark.slow

SUITE = """
suite: follow
api: {port: auto}
gateway:
  port: auto
  routes:
    - {path: /web, service: web, strip: true, auth_required: false}
services:
  web:
    command: python3 -m uvicorn --port $(PORT) --log-level warning app:app
    port: auto
    replicas: 2
    healthcheck: {http: /, interval: 200ms}
    restart: always
"""
APP = """
import os

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": os.environ["PORT"].encode()})
"""


class Load:
    """Requests one after the other from several clients, and what came back."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, int] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def _run(self) -> None:
        with httpx.Client(trust_env=False, timeout=60) as client:
            while not self._stop.is_set():
                try:
                    answer = client.get(self.url)
                    key = f"{answer.status_code}"
                except httpx.HTTPError as exc:
                    key = type(exc).__name__
                with self._lock:
                    self.answers[key] = self.answers.get(key, 0) + 1

    @contextmanager
    def running(self, clients: int = 4) -> Iterator[None]:
        """Load for as long as the block runs."""
        threads = [threading.Thread(target=self._run) for _ in range(clients)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()


@pytest.fixture
def up(bench: Bench) -> Bench:
    """The suite, running."""
    bench.write(SUITE)
    bench.write(APP, "app.py")
    bench.ok("up", "--detach")
    return bench


def test_a_restart_loses_no_request(up: Bench) -> None:
    """Both replicas are replaced, one after the other, and every request is answered."""
    before = {each["pid"] for each in up.service("web")["replicas"]}
    load = Load(up.ok("url", "gateway").out.strip() + "/web")

    with load.running():
        up.ok("restart", "web")

    after = {each["pid"] for each in up.service("web")["replicas"]}
    assert before.isdisjoint(after)
    assert set(load.answers) == {"200"}
    assert load.answers["200"] > 20


def test_a_single_replica_that_starts_first_loses_no_request(up: Bench) -> None:
    """The new process is healthy and has its route before the old one drains."""
    suite = SUITE.replace("replicas: 2", "update: {order: start-first}")
    up.write(suite)
    up.ok("apply")
    before = up.service("web")["replicas"][0]["pid"]
    load = Load(up.ok("url", "gateway").out.strip() + "/web")

    with load.running():
        up.ok("restart", "web")

    [replica] = up.service("web")["replicas"]
    assert replica["pid"] != before
    assert set(load.answers) == {"200"}
    assert load.answers["200"] > 20


def test_a_killed_daemon_loses_no_request(up: Bench) -> None:
    """Envoy and the services go on by themselves, and the next `up` takes over both."""
    load = Load(up.ok("url", "gateway").out.strip() + "/web")
    pids = {name: up.service(name)["replicas"][0]["pid"] for name in ("gateway", "web")}

    with load.running():
        psutil.Process(up.daemon()["pid"]).kill()
        up.ok("up", "--detach")
        up.ok("ps")

    assert {name: up.service(name)["replicas"][0]["pid"] for name in pids} == pids
    assert set(load.answers) == {"200"}
    assert load.answers["200"] > 20


def test_route_changes_lose_no_request(up: Bench) -> None:
    """Routes are added and taken away under load, and every request is answered."""
    load = Load(up.ok("url", "gateway").out.strip() + "/web")
    more = "    - {path: /more, service: web, strip: true, auth_required: false}\n"

    with load.running():
        for text in (SUITE.replace("services:", f"{more}services:"), SUITE):
            up.write(text)
            up.ok("apply")

    assert set(load.answers) == {"200"}


def test_a_new_route_answers_once_apply_is_back(up: Bench) -> None:
    """`apply` returns when the gateway has the route, and when it has lost it."""
    url = up.ok("url", "gateway").out.strip()
    more = "    - {path: /more, service: web, strip: true, auth_required: false}\n"

    up.write(SUITE.replace("services:", f"{more}services:"))
    up.ok("apply")
    added = httpx.get(f"{url}/more", trust_env=False).status_code
    up.write(SUITE)
    up.ok("apply")

    assert added == 200
    assert httpx.get(f"{url}/more", trust_env=False).status_code == 404


@pytest.mark.parametrize("name", ["gateway", "web"])
def test_a_killed_process_comes_back_by_itself(up: Bench, name: str) -> None:
    """After kill -9 of Envoy or of a service, it is healthy again and requests are answered."""
    old = up.service(name)["replicas"][0]["pid"]
    with up.api() as api, api.stream("GET", "/api/events", params={"follow": True}) as events:
        lines = events.iter_lines()
        next(lines)

        psutil.Process(old).kill()

        # In this order: the stream begins with what happened before.
        assert any("service_stopped" in line and f'"pid":{old},' in line for line in lines)
        assert any("service_started" in line and f'"subject":"{name}"' in line for line in lines)
    assert up.service(name)["status"] == "UP"
    url = up.ok("url", "gateway").out.strip() + "/web"
    assert httpx.get(url, trust_env=False).status_code == 200
