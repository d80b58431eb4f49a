"""A suite whose services call each other through sidecars."""

import stat
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e.shop import APP
from tests.harness import Bench, contents
from tests.harness import bench as open_bench

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SUITE = """
suite: town
api: {port: auto}
mesh: {}
gateway:
  port: auto
  routes:
    - {path: /web, service: web, strip: true, auth_required: false}
    - {path: /report, service: report, strip: true, auth_required: false}
services:
  web: &app
    command: python3 -m uvicorn --port $(PORT) --log-level warning app:app
    port: auto
    healthcheck: {http: /, interval: 200ms}
    depends_on: [stock]
  report: {<<: *app, depends_on: []}
  stock: {<<: *app, depends_on: []}
"""


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """Three services, of which one may call another."""
    with open_bench(tmp_path_factory.mktemp("town")) as made:
        made.write(SUITE)
        made.write(APP, "app.py")
        made.ok("up", "--detach")
        yield made


def ask(town: Bench, path: str) -> Any:
    """What a service answers through the gateway."""
    answer = httpx.get(town.ok("url", "gateway").out.strip() + path, trust_env=False, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_declared_call_passes(town: Bench) -> None:
    """By the address that the caller is told; the other side is told who calls."""
    called = ask(town, "/web/call?variable=INTERTIE_URL_STOCK")

    assert called["status"] == 200
    assert called["told"]["headers"]["x-forwarded-service"] == "spiffe://town/web"


def test_an_undeclared_call_is_refused(town: Bench) -> None:
    """No address is told, and by name the answer is 403."""
    told = ask(town, "/report/call?variable=INTERTIE_URL_STOCK")
    called = ask(town, "/report/call?variable=INTERTIE_MESH_URL&host=stock.mesh")

    assert told["status"] is None
    assert called["status"] == 403


def test_the_gateway_shows_who_it_is(town: Bench) -> None:
    """It comes to services by mutual TLS, as one of them."""
    headers = ask(town, "/web/")["headers"]

    assert headers["x-forwarded-service"] == "spiffe://town/gateway"


def test_private_keys_are_their_owners_only(town: Bench) -> None:
    """Each sidecar has a key and a certificate of its own."""
    files = contents(town.state / "run")
    keys = [file for file, text in files.items() if b"PRIVATE KEY" in text]

    assert len(keys) >= 4
    assert {stat.S_IMODE(each.stat().st_mode) for each in keys} == {0o600}


def test_a_killed_sidecar_comes_back(town: Bench) -> None:
    """On its ports, so that nobody has to be told."""
    before = town.service("mesh.stock")["replicas"][0]["pid"]
    with town.api() as api, api.stream("GET", "/api/events", params={"follow": True}) as events:
        lines = events.iter_lines()
        next(lines)

        psutil.Process(before).kill()

        assert any("service_stopped" in line and f'"pid":{before},' in line for line in lines)
        assert any("service_started" in line and '"subject":"mesh.stock"' in line for line in lines)
    assert ask(town, "/web/call?variable=INTERTIE_URL_STOCK")["status"] == 200


def test_down_leaves_nothing(bench: Bench) -> None:
    """No process, socket or port."""
    bench.write(SUITE)
    bench.write(APP, "app.py")
    bench.ok("up", "--detach")
    pids = {each.pid for each in bench.processes()}
    ports = {
        each.laddr[1]
        for each in psutil.net_connections()
        if each.pid in pids and each.status == psutil.CONN_LISTEN and each.laddr
    }

    bench.ok("down")

    assert len(ports) >= 10
    assert not bench.processes()
    assert not [each for each in bench.state.rglob("*") if each.is_socket()]
    assert not [
        each
        for each in psutil.net_connections()
        if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr[1] in ports
    ]
