"""A suite whose requests are traced, from the gateway through its services."""

from pathlib import Path

import httpx
import pytest

from tests.e2e.shop import until
from tests.harness import bench

pytestmark = pytest.mark.slow
SUITE = """
suite: traced
api: {port: auto}
gateway: {port: auto, routes: [{path: /, service: front, auth_required: false}]}
services:
  front: {command: "python3 front.py", port: auto, healthcheck: {tcp: true, interval: 200ms}}
  back: {command: "python3 back.py", port: auto, healthcheck: {tcp: true, interval: 200ms}}
monitoring:
  tracing: {sampling: {rate: 1}}
"""
FRONT = """
import httpx
from fastapi import FastAPI
from intertie.service import Service

service = Service("front")
api = FastAPI()

@api.get("/")
async def index() -> dict[str, str]:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(service.url("back") + "/work", headers=service.headers())
        answer.raise_for_status()
    return {"page": "shown"}

service.run(service.wrap(api))
"""
BACK = """
from fastapi import FastAPI
from intertie.service import Service

service = Service("back")
api = FastAPI()

@api.get("/work")
async def work() -> dict[str, str]:
    raise ValueError("no paper")

service.run(service.wrap(api))
"""


def test_a_request_is_seen_in_the_gateway_and_all_services(tmp_path: Path) -> None:
    """With nothing but `tracing: {}` in the file."""
    with bench(tmp_path) as made:
        made.write(SUITE)
        made.write(FRONT, "front.py")
        made.write(BACK, "back.py")
        made.ok("up", "--detach")
        until(lambda: made("traces", "status").code == 0)
        url = made.daemon()["gateway_url"]
        until(lambda: httpx.get(url, trust_env=False, timeout=60).status_code == 500)
        until(lambda: len(made.ok("traces", "calls", "--json").json()) == 2)
        trace = made.ok("traces", "list", "--errors", "--json").json()["items"][0]
        shown = made.ok("traces", "show", trace["trace_id"]).out

    assert (trace["service"], trace["name"], trace["route"]) == ("gateway", "GET /", "/")
    assert [line.split()[0] for line in shown.splitlines()[1:4]] == ["gateway", "front", "back"]
    assert "ERROR" in shown
