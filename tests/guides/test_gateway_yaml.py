"""The guides' YAML of gateway, mesh and tenants: loaded as it stands, and enforced."""

import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import httpx
import pytest
from anyio import fail_after, sleep

from intertie import SuiteOrchestrator
from intertie.app.identities import open_identities
from intertie.app.identity import settings_of
from intertie.identity.audit import Actor
from intertie.suite import load
from intertie.suite.model import Suite

pytestmark = pytest.mark.anyio

API_GATEWAY = """\
api_gateway:
  routes:
    - path: /api/v1/users
      service: user-service
      methods: [GET, POST, PUT, DELETE]
    - path: /api/v1/mindmaps
      service: mindmap-service
      methods: [GET, POST, PUT, DELETE]
  policies:
    - rate limiting
    - authentication
    - caching
    - circuit breaking
"""
SERVICE_MESH = """\
service_mesh:
  components:
    - envoy proxy
    - istio control plane
    - prometheus
    - grafana
  features:
    - service discovery
    - load balancing
    - traffic management
    - security
"""
API_INTEGRATION = """\
api_integration:
  patterns:
    - rest
    - graphql
    - websocket
    - grpc
  standards:
    - openapi
    - json schema
    - protobuf
    - asyncapi
"""
TENANT_CONFIGS = {
    "enterprise_client": {
        "rate_limits": {"requests_per_minute": 1000},
        "features": ["premium_apis", "advanced_analytics"],
        "sla": "99.9%",
    },
    "startup_client": {
        "rate_limits": {"requests_per_minute": 100},
        "features": ["basic_apis"],
        "sla": "99.0%",
    },
}
SERVICES = f"""\
suite: guide
services:
  user-service: &service
    command: {sys.executable} service.py
    port: auto
    healthcheck: {{tcp: true, interval: 0.2s, start_period: 20s}}
  mindmap-service: *service
api: {{port: auto}}
"""
SERVICE = """
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked = 0

    def answer(self):
        Answers.asked += 1
        self.rfile.read(int(self.headers.get("content-length", 0)))
        body = json.dumps({"asked": Answers.asked}).encode()
        self.send_response(503 if "broken" in self.path else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

    def log_message(self, *_): pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answers).serve_forever()
"""


def _load(folder: Path, *parts: str) -> Suite:
    (folder / "suite.yaml").write_text("".join((SERVICES, *parts)))
    return load(folder / "suite.yaml", env={}).suite


def test_all_blocks_load_together(tmp_path: Path) -> None:
    """Word for word, in one suite file; what they ask for is there."""
    suite = _load(tmp_path, API_GATEWAY, SERVICE_MESH, API_INTEGRATION)

    assert suite.gateway is not None
    assert suite.mesh is not None
    assert suite.api_integration is not None
    assert [route.path for route in suite.gateway.routes] == ["/api/v1/users", "/api/v1/mindmaps"]
    limits = suite.gateway.limits
    assert limits is not None
    assert (str(limits.default_rate), str(limits.burst_rate)) == ("1000/hour", "100/minute")
    assert len(suite.mesh.components) == len(suite.mesh.features) == 4
    assert suite.api_integration.patterns == ("rest", "graphql", "websocket", "grpc")
    assert suite.api.grpc_port == "auto"


def test_the_tenants_load(tmp_path: Path) -> None:
    """With what each may ask for, has bought and was promised."""
    suite = _load(tmp_path, f"identity: {{}}\ntenants: {json.dumps(TENANT_CONFIGS)}\n")

    startup = suite.tenants["startup_client"]
    assert startup.rate_limits.requests_per_minute == 100
    assert (startup.features, startup.sla) == (("basic_apis",), "99.0%")
    assert suite.tenants["enterprise_client"].rate_limits.requests_per_minute == 1000


@asynccontextmanager
async def _running(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *parts: str
) -> AsyncIterator[SuiteOrchestrator]:
    (folder / "service.py").write_text(SERVICE)
    _load(folder, *parts)
    monkeypatch.chdir(folder)
    made = SuiteOrchestrator()
    await made.open()
    try:
        await made.supervisor.start(list(made.suite.services))
        yield made
    finally:
        await made.close()


def _client(orchestrator: SuiteOrchestrator, headers: dict[str, str]) -> httpx.AsyncClient:
    assert orchestrator.suite.gateway is not None
    url = f"http://127.0.0.1:{orchestrator.suite.gateway.port}/api/v1"
    return httpx.AsyncClient(base_url=url, headers=headers, timeout=60, trust_env=False)


def _bearer(orchestrator: SuiteOrchestrator, subject: str) -> dict[str, str]:
    token = orchestrator.issuer.mint(
        subject, now=datetime.now(UTC), audience="intertie", lifetime_s=3600
    )
    return {"authorization": f"Bearer {token}"}


async def _serves(http: httpx.AsyncClient) -> None:
    """Until the gateway has the service, and knows the client."""
    with fail_after(60):
        while (await http.post("/users")).status_code != 200:  # noqa: ASYNC110
            await sleep(0.1)


async def _keeps_answers(http: httpx.AsyncClient) -> None:
    """Until the cache, which gets requests once it is up, does."""
    with fail_after(60):
        while "cache-status" not in (await http.get("/users/0")).headers:  # noqa: ASYNC110
            await sleep(0.1)


@pytest.mark.slow
async def test_the_gateways_policies_are_enforced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Methods, authentication, caching, rate limits and circuit breaking, on the real gateway."""
    gateway = API_GATEWAY + "  port: auto\n"
    async with _running(tmp_path, monkeypatch, gateway) as suite:
        async with (
            _client(suite, _bearer(suite, "warm")) as warm,
            _client(suite, {}) as nobody,
            _client(suite, _bearer(suite, "ada")) as ada,
        ):
            await _serves(warm)
            # authentication
            assert (await nobody.get("/users")).status_code == 401
            # the methods of each route
            for method in ("GET", "POST", "PUT", "DELETE"):
                assert (await ada.request(method, "/mindmaps")).status_code == 200, method
            assert (await ada.patch("/mindmaps")).status_code == 405
            # caching
            await _keeps_answers(warm)
            first, second = [await ada.get("/users/1") for _ in "ab"]
            assert first.json() == second.json()
            assert "hit" in second.headers["cache-status"]

        async with _client(suite, _bearer(suite, "bob")) as bob:
            # circuit breaking: five failures in a row take the only replica out
            failed = [await bob.post("/mindmaps/broken") for _ in range(5)]
            assert {each.status_code for each in failed} == {503}
            with fail_after(60):
                while (await bob.post("/mindmaps")).status_code != 503:  # noqa: ASYNC110
                    await sleep(0.05)
            assert (await bob.post("/users")).status_code == 200  # the other service is well

        async with _client(suite, _bearer(suite, "eve")) as eve:
            # rate limiting: 100/minute, 1000/hour
            first = await eve.post("/users")
            assert "q=1000;w=3600" in first.headers["ratelimit-policy"]
            late = await _used_up([eve], 99)
            assert int(late.headers["retry-after"]) > 0


@pytest.mark.slow
async def test_a_tenants_limit_holds_for_all_of_it_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The startup's 101st request in a minute is refused, whichever key sends it.

    The other tenant passes.
    """
    gateway = """\
gateway:
  port: auto
  rate_limiting: {default_rate: 100000/hour, burst_rate: null}
  routes: [{path: /api/v1/users, service: user-service}]
identity: {}
"""
    tenants = f"tenants: {json.dumps(TENANT_CONFIGS)}\n"
    async with _running(tmp_path, monkeypatch, gateway, tenants) as suite:
        settings = settings_of(suite.suite, tmp_path)
        keys: dict[str, str] = {}
        async with open_identities(suite.folder, settings) as (identities, _):
            for name, tenant in (("a", "startup"), ("b", "startup"), ("c", "enterprise")):
                made = await identities.keys.create(Actor("test"), name, tenant=f"{tenant}_client")
                keys[name] = made.text
        clients = {name: _client(suite, {"x-api-key": key}) for name, key in keys.items()}
        async with clients["a"] as first, clients["b"] as second, clients["c"] as enterprise:
            await _serves(enterprise)
            late = await _used_up([first, second], 100)
            others = [(await enterprise.post("/users")).status_code for _ in range(120)]

    assert int(late.headers["retry-after"]) > 0
    assert set(others) == {200}


async def _used_up(clients: Sequence[httpx.AsyncClient], per_minute: int) -> httpx.Response:
    """The first refusal, at the very request after the last that was granted.

    What is granted comes back evenly, so that a slow machine may ask a little more often.
    """
    begun, passed = monotonic(), 0
    while (answer := await clients[passed % len(clients)].post("/users")).status_code == 200:
        passed += 1
    come_back = (monotonic() - begun) * per_minute / 60
    assert per_minute <= passed <= per_minute + come_back + 1
    assert answer.status_code == 429
    return answer
