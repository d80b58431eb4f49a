"""What the authorizer refuses is heard in the daemon, once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
from anyio import create_task_group

from intertie.event import AuthRefused, Payload, QuotaExceeded
from intertie.gateway.authz.herald import Herald
from intertie.gateway.authz.question import ADDRESS, ROUTE
from intertie.gateway.authz.run import serve
from intertie.gateway.authz.settings import AuthzSettings
from tests.gateway.authz.people import People

pytestmark = pytest.mark.anyio
SETTINGS = {
    "routes": {"shop": {"auth": ["key"]}},
    "limits": {"default_rate": "2/hour", "burst_rate": None},
}


@asynccontextmanager
async def _authorizer(folder: Path) -> AsyncIterator[Path]:
    file, socket = folder / "authz.json", folder / "authz.sock"
    file.write_text(AuthzSettings.model_validate(SETTINGS).model_dump_json())
    async with create_task_group() as group:
        await group.start(partial(serve, file, socket, sources=People()))
        yield socket
        group.cancel_scope.cancel()


async def _ask(socket: Path, key: str, times: int = 1) -> None:
    transport = httpx.AsyncHTTPTransport(uds=str(socket), verify=False)
    headers = {ROUTE: "shop", ADDRESS: "192.0.2.1", "x-api-key": key}
    async with httpx.AsyncClient(transport=transport, headers=headers) as client:
        for _ in range(times):
            await client.get("http://authorizer/check/orders")


async def test_refusals_become_events_of_the_suite(tmp_path: Path) -> None:
    """Of a quota and of a bad key: who, by which policy, how often; each told once."""
    told: list[Payload] = []
    async with _authorizer(tmp_path) as socket:
        herald = Herald(lambda payload, subject: told.append(payload), socket)
        await _ask(socket, "good-key", 5)
        await _ask(socket, "old-key")
        await herald.poll()
        await herald.poll()

    quota, auth = told
    assert isinstance(quota, QuotaExceeded)
    assert (quota.client, quota.tenant, quota.policy) == ("key:3f9a", "acme", "default")
    assert isinstance(auth, AuthRefused)
    assert (auth.client, auth.code, auth.count) == ("ip:192.0.2.1", "key_expired", 1)


async def test_an_authorizer_that_starts_again_is_heard_from_its_first_word(tmp_path: Path) -> None:
    """And one that is away is no error."""
    told: list[Payload] = []
    herald = Herald(lambda payload, subject: told.append(payload), tmp_path / "authz.sock")
    await herald.poll()
    for _ in range(2):
        async with _authorizer(tmp_path) as socket:
            await _ask(socket, "old-key")
            await herald.poll()
        await herald.poll()

    assert [type(each) for each in told] == [AuthRefused, AuthRefused]
