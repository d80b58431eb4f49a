"""The guide's API management: its whole configuration applied to a running suite, and enforced."""

import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import fail_after, sleep

from intertie import SuiteOrchestrator
from intertie.app.identities import open_identities
from intertie.app.identity import settings_of
from intertie.control import APIManager
from intertie.errors import IntertieError
from intertie.identity.audit import Actor
from intertie.suite.identity import Identity
from tests.guides.api_config import API_CONFIG, AUTHENTICATION

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SERVICE = """
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked = 0

    def answer(self):
        Answers.asked += 1
        size = int(self.headers.get("content-length", 0))
        self.rfile.read(size)
        body = json.dumps({"asked": Answers.asked, "user": self.headers.get("x-forwarded-user")})
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.encode())

    do_GET = do_POST = do_HEAD = do_OPTIONS = answer

    def log_message(self, *_): pass

ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Answers).serve_forever()
"""


class Manager(APIManager):
    """As the guide has it."""

    async def configure_api_integration(self) -> None:
        """Configure API integration settings."""
        api_config = API_CONFIG
        await self.apply_api_config(api_config)
        await self.validate_api_endpoints()


@pytest.fixture
async def orchestrator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SuiteOrchestrator]:
    """A suite with the guide's services and the guide's authentication; its gateway is bare."""
    (tmp_path / "service.py").write_text(SERVICE)
    command = f"{sys.executable} service.py"
    (tmp_path / "suite.yaml").write_text(
        f"""
suite: guide
services:
  media: {{command: {command}, port: auto}}
  backup: {{command: {command}, port: auto}}
gateway: {{port: auto}}
api: {{port: auto}}
identity:
  sso_configuration:
    {{provider: oauth2_proxy, allowed_domains: [yourdomain.com], session_duration: 86400,
      cookie_secure: true}}
  rbac_integration:
    role_sync: true
    group_mapping: {{admins: [admin, superuser], users: [user, readonly]}}
"""
    )
    monkeypatch.chdir(tmp_path)
    made = SuiteOrchestrator()
    await made.open()
    try:
        yield made
    finally:
        await made.close()


async def key_of(orchestrator: SuiteOrchestrator, name: str) -> str:
    """An API key that the gateway takes."""
    settings = settings_of(orchestrator.suite, Path.cwd())
    async with open_identities(orchestrator.folder, settings) as (identities, _):
        return (await identities.keys.create(Actor("test"), name)).text


def gateway(orchestrator: SuiteOrchestrator) -> httpx.AsyncClient:
    """A client of it."""
    assert orchestrator.suite.gateway is not None
    url = f"http://127.0.0.1:{orchestrator.suite.gateway.port}"
    return httpx.AsyncClient(base_url=url, timeout=60, trust_env=False)


async def test_the_guides_configuration_is_enforced(orchestrator: SuiteOrchestrator) -> None:
    """Value by value, from outside, on the real gateway."""
    await Manager(orchestrator).configure_api_integration()
    key = {"x-api-key": await key_of(orchestrator, "ada")}

    async with gateway(orchestrator) as http:
        await _is_let_in(http, key)
        # auth_required; methods: jwt and api_key, and no other
        assert (await http.get("/api/v1/media")).status_code == 401
        token = orchestrator.issuer.mint("ada", now=_now(), audience="intertie", lifetime_s=3600)
        bearer = {"authorization": f"Bearer {token}"}
        assert (await http.get("/api/v1/media", headers=bearer)).status_code == 200
        assert (await http.get("/api/v1/media", headers=key)).status_code == 200
        cookie = {"cookie": "__Host-intertie=nothing"}
        assert (await http.get("/api/v1/media", headers=cookie)).status_code == 401

        # the methods of each endpoint
        for path, allowed in _methods():
            for method in ("GET", "POST", "PUT", "DELETE"):
                status = (await http.request(method, path, headers=key)).status_code
                assert (status != 405) == (method in allowed), (path, method, status)

        # cache_ttl 3600: kept for one identity; 0: asked each time
        await _keeps_answers(http, key)
        first, second = [(await http.get("/api/v1/media", headers=key)) for _ in range(2)]
        assert first.json()["asked"] == second.json()["asked"]
        assert "hit" in second.headers["cache-status"]
        streams = [(await http.get("/api/v1/stream", headers=key)).json()["asked"] for _ in "ab"]
        assert streams[0] != streams[1]

        # cors
        origin = {"origin": "https://app.yourdomain.com", "access-control-request-method": "POST"}
        preflight = await http.options("/api/v1/media", headers=origin)
        assert preflight.headers["access-control-allow-origin"] == origin["origin"]
        assert preflight.headers["access-control-max-age"] == "3600"
        methods = {
            each.strip() for each in preflight.headers["access-control-allow-methods"].split(",")
        }
        assert methods == {"GET", "POST", "PUT", "DELETE"}
        evil = {**origin, "origin": "https://yourdomain.com.evil.example"}
        refused = await http.options("/api/v1/media", headers=evil)
        assert "access-control-allow-origin" not in refused.headers

        # rate_limit: 50/hour, then throttling_response 429
        other = {"x-api-key": await key_of(orchestrator, "bob")}

        await _is_let_in(http, other)
        statuses = [
            (await http.post("/api/v1/restore", headers=other)).status_code for _ in range(55)
        ]
        assert statuses.count(200) == 50
        assert statuses[-1] == 429
        late = await http.post("/api/v1/restore", headers=other)
        assert int(late.headers["retry-after"]) > 0
        assert (await http.post("/api/v1/backup", headers=other)).status_code == 200


async def test_its_values_are_those_of_the_running_suite(orchestrator: SuiteOrchestrator) -> None:
    """What cannot be seen from outside in a minute: rates of an hour, lifetimes."""
    await Manager(orchestrator).configure_api_integration()

    made = orchestrator.suite.gateway
    assert made is not None
    limits, cache = made.limits, made.cache
    assert limits is not None
    assert cache is not None
    assert (str(limits.default_rate), str(limits.burst_rate)) == ("1000/hour", "100/minute")
    assert limits.throttling_response == 429
    assert made.token_expiry == 3600
    assert made.security.authentication.refresh_enabled is True
    assert (cache.default_ttl, cache.cache_control) == (300, "public, max-age=300")
    rates = {route.path: [str(each) for each in route.rate_limit or ()] for route in made.routes}
    assert rates == {
        "/api/v1/media": ["2000/hour"],
        "/api/v1/stream": ["5000/hour"],
        "/api/v1/backup": ["100/hour"],
        "/api/v1/restore": ["50/hour"],
    }
    assert orchestrator.suite.identity == Identity.model_validate(AUTHENTICATION)


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({"gateway": {}}, "unknown key 'gateway'"),
        ({"endpoint_configurations": {"nobody": {"/a": {}}}}, "no service is called 'nobody'"),
        ({"gateway_configuration": {"rate_limiting": {"default_rate": "often"}}}, "1000/hour"),
        ({"endpoint_configurations": {"media": {"/a": {"methods": ["FETCH"]}}}}, "methods"),
    ],
)
async def test_a_faulty_configuration_changes_nothing(
    orchestrator: SuiteOrchestrator, config: dict[str, Any], fault: str
) -> None:
    """Every fault is told, and what runs goes on."""
    before = orchestrator.suite

    with pytest.raises(IntertieError, match=fault):
        await APIManager(orchestrator).apply_api_config(config)

    assert orchestrator.suite == before


async def test_an_endpoint_that_a_service_lacks_is_found(orchestrator: SuiteOrchestrator) -> None:
    """A service that is down has none; it is asked nothing that could change something."""
    await Manager(orchestrator).configure_api_integration()
    await orchestrator.supervisor.stop(["backup"])

    with pytest.raises(IntertieError, match="backup: POST /api/v1/backup"):
        await APIManager(orchestrator).validate_api_endpoints()


async def _is_let_in(http: httpx.AsyncClient, headers: Mapping[str, str]) -> None:
    """Wait until the door has heard of a new key."""
    with fail_after(60):
        while (await http.get("/api/v1/stream", headers=headers)).status_code != 200:  # noqa: ASYNC110
            await sleep(0.05)


async def _keeps_answers(http: httpx.AsyncClient, headers: Mapping[str, str]) -> None:
    """Wait until the cache, which gets requests once it is up, does."""
    with fail_after(60):
        while "cache-status" not in (await http.get("/api/v1/media/0", headers=headers)).headers:  # noqa: ASYNC110
            await sleep(0.5)


def _methods() -> Iterator[tuple[str, list[str]]]:
    for endpoints in API_CONFIG["endpoint_configurations"].values():
        for path, keys in endpoints.items():
            yield path, keys["methods"]


def _now() -> datetime:

    return datetime.now(UTC)
