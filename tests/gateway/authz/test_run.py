"""All of the authorizer together; that Envoy and it agree is tested with the filter."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio import create_task_group

from intertie.errors import GatewayError
from intertie.gateway.authz.question import ADDRESS, ROUTE
from intertie.gateway.authz.run import serve
from intertie.suite.bus import QueueConfig
from tests.bus.peers.valkey import valkey
from tests.gateway.authz.people import People

pytestmark = pytest.mark.anyio

GIVEN: dict[str, Any] = {
    "routes": {"a": {}},
    "limits": {"default_rate": "50/hour", "burst_rate": "20/minute", "outage": "closed"},
}
HEADERS = {ROUTE: "a", ADDRESS: "192.0.2.1", "x-api-key": "good-key"}


@asynccontextmanager
async def _authorizer(
    folder: Path, name: str, engine: QueueConfig | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    file, path = folder / "authz.json", folder / f"{name}.sock"
    counters = {"counters": "shared"} if engine else {}
    file.write_text(json.dumps({**GIVEN, "limits": {**GIVEN["limits"], **counters}}))
    async with create_task_group() as group:

        async def run(*, task_status: Any) -> None:
            await serve(
                file, path, sources=People(), counter_engine=engine, task_status=task_status
            )

        await group.start(run)
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as client:
            yield client
        group.cancel_scope.cancel()


async def test_it_counts_for_itself_by_default(tmp_path: Path) -> None:
    """No engine is needed for one gateway."""
    async with _authorizer(tmp_path, "one") as client:
        found = [(await client.get("/check/x", headers=HEADERS)).status_code for _ in range(21)]

    assert found == [200] * 20 + [429]


@pytest.mark.slow
async def test_three_authorizers_on_one_engine_grant_what_one_would(tmp_path: Path) -> None:
    """Never over, whichever of them a request comes to."""
    allowed: list[int] = []
    async with valkey(tmp_path) as broker, create_task_group() as group:
        async with (
            _authorizer(tmp_path, "one", broker.config) as one,
            _authorizer(tmp_path, "two", broker.config) as two,
            _authorizer(tmp_path, "three", broker.config) as three,
        ):

            async def load(client: httpx.AsyncClient) -> None:
                told = 0
                while told < 30:
                    status = (await client.get("/check/x", headers=HEADERS)).status_code
                    # On a machine that stalls the counters may be away for a moment.
                    if status != 503:
                        allowed.append(status)
                        told += 1

            async with create_task_group() as loads:
                for client in (one, two, three):
                    loads.start_soon(load, client)
        group.cancel_scope.cancel()

    assert allowed.count(200) == 20
    assert allowed.count(429) == 70


async def test_it_does_not_start_without_settings(tmp_path: Path) -> None:
    """Nothing would be known of any route."""
    with pytest.raises(GatewayError, match="cannot read"):
        await serve(tmp_path / "none.json", tmp_path / "a.sock", sources=People())
