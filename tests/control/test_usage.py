"""Asks the process beside Envoy how much of its limits a client has used."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from anyio import create_task_group

from intertie.control.usage import SOCKET, ask
from intertie.errors import ConflictError, GatewayError, IntertieError
from intertie.gateway.authz.authorizer import Authorizer
from intertie.gateway.authz.journal import Journal
from intertie.gateway.authz.server import AuthzServer
from intertie.gateway.limits.plan import Asker, LimitPlan
from intertie.identity.principal import Principal
from intertie.limits.memory import MemoryCounters
from tests.gateway.authz.asking import settings
from tests.gateway.authz.people import People

pytestmark = pytest.mark.anyio

GIVEN: dict[str, Any] = {
    "limits": {"default_rate": "10/hour", "burst_rate": "5/minute"},
    "tenants": {"acme": {"requests_per_minute": 100}},
    "routes": {"a": {}},
}


@asynccontextmanager
async def _door(folder: Path) -> AsyncIterator[None]:
    """A real authorizer, where one client has asked twice."""
    told, counters = settings(**GIVEN), MemoryCounters()
    assert told.limits is not None
    asker = Asker("", Principal("key", "k1", "acme"))
    for _ in range(2):
        await counters.take(LimitPlan(told.limits, told.tenants).account(asker, "a", None))
    authorizer = Authorizer(told, sources=People(), counters=counters, journal=Journal())
    async with create_task_group() as group:
        await group.start(AuthzServer(authorizer, counters, path=folder / SOCKET).run)
        yield
        group.cancel_scope.cancel()


async def test_what_a_client_and_its_tenant_have_used(tmp_path: Path) -> None:
    """Of a client: each limit that counts for it. Of a tenant: those it has as a whole."""
    async with _door(tmp_path):
        client = await ask(tmp_path, "acme", "key:k1")
        tenant = await ask(tmp_path, "acme", None)

    assert {each.policy: (each.used, each.limit) for each in client} == {
        "default": (2, 10),
        "burst": (2, 5),
        "tenant-minute": (2, 100),
    }
    assert [(each.policy, each.used) for each in tenant] == [("tenant-minute", 2)]


async def test_a_client_that_is_none_is_explained(tmp_path: Path) -> None:
    """With what one looks like."""
    async with _door(tmp_path):
        with pytest.raises(IntertieError, match="such as user:ada"):
            await ask(tmp_path, "acme", "ada")


async def test_a_door_that_is_away_is_no_crash(tmp_path: Path) -> None:
    """Never there, or gone and its socket left behind."""
    with pytest.raises(ConflictError, match="no door runs"):
        await ask(tmp_path, "acme", None)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / SOCKET))

    with pytest.raises(GatewayError, match="does not answer"):
        await ask(tmp_path, "acme", None)
