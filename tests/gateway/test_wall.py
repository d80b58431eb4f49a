"""What is wrong with one tenant's routes is no trouble of others, on a real Envoy."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from intertie.errors import GatewayError
from intertie.event import GatewayApplied
from intertie.gateway.wall import TenantWall
from intertie.identity.issuer import For
from intertie.identity.principal import Principal
from intertie.runtime.component import Status
from intertie.suite.identity import Tenant
from intertie.suite.model import Suite
from tests.gateway.stage import Door, client, door, now, suite_of, upstream

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SHARED = {"path": "/shared", "service": "web", "auth_required": False}
BAD = {"headers": {"x-a": {"regex": "(?=never)"}}}
"""RE2 has no look-ahead: only Envoy says so."""


def tenants(**routes: Sequence[Mapping[str, Any]]) -> dict[str, Tenant]:
    """Each with its routes, all open, and a domain."""
    return {
        name: Tenant.model_validate(
            {
                "domains": [f"{name}.example"],
                "routes": [{"service": "web", "auth_required": False, **each} for each in given],
            }
        )
        for name, given in routes.items()
    }


def suite(port: int | None = None, **routes: Sequence[Mapping[str, Any]]) -> Suite:
    """One that has a shared route beside those of its tenants."""
    keys = {} if port is None else {"port": port}
    return suite_of(SHARED, **keys).model_copy(update={"tenants": tenants(**routes)})


async def seen(http: httpx.AsyncClient, host: str, path: str) -> int:
    """What a client of that tenant gets."""
    return (await http.get(path, headers={"host": host})).status_code


async def test_a_bad_tenant_never_changes_what_others_get(tmp_path: Path) -> None:
    """Others and the shared routes advance; its own stay as they were until it is mended."""
    first = suite(acme=[{"path": "/a"}], beta=[{"path": "/b"}], zeta=[{"path": "/z"}])
    port = first.gateway.port if first.gateway else None
    assert isinstance(port, int)
    async with (
        upstream("web") as web,
        door(tmp_path, first, {"web": [web.port]}) as made,
        client(made) as http,
        made.hub.subscribe() as events,
    ):
        changed = suite(
            port,
            acme=[{"path": "/a2", **BAD}],
            beta=[{"path": "/b"}, {"path": "/b2"}],
            zeta=[{"path": "/z2", **BAD}],
        )
        await made.controller.set_suite(changed)
        during = {
            "acme": [await seen(http, "acme.example", path) for path in ("/a", "/a2")],
            "beta": [await seen(http, "beta.example", path) for path in ("/b", "/b2")],
            "zeta": [await seen(http, "zeta.example", path) for path in ("/z", "/z2")],
            "shared": [await seen(http, "any.example", "/shared")],
        }
        health = made.controller.health()
        told = await events.receive()
        await made.controller.refresh()
        still = made.controller.health()

        mended = suite(port, acme=[{"path": "/a2"}], beta=[{"path": "/b"}], zeta=[])
        await made.controller.set_suite(mended)
        after = [await seen(http, "acme.example", path) for path in ("/a", "/a2")]
        gone = await seen(http, "zeta.example", "/z")

    assert during == {"acme": [200, 404], "beta": [200, 200], "zeta": [200, 404], "shared": [200]}
    assert health.status is still.status is Status.DEGRADED
    assert "tenant acme keeps its old routes" in health.reason
    assert "tenant zeta" in health.reason
    assert "beta" not in health.reason
    assert (told.type, told.data["accepted"]) == (GatewayApplied.type, True)
    assert "tenant acme" in str(told.data["error"])
    assert (after, gone) == ([404, 200], 404)
    assert made.controller.health().status is Status.UP


async def test_what_is_nobodys_own_is_refused_as_before(tmp_path: Path) -> None:
    """A fault of the shared routes is laid at no tenant's door."""
    first = suite(acme=[{"path": "/a"}])
    assert first.gateway is not None
    async with (
        upstream("web") as web,
        door(tmp_path, first, {"web": [web.port]}) as made,
        client(made) as http,
    ):
        bad = suite_of({**SHARED, **BAD}, port=first.gateway.port)
        with pytest.raises(GatewayError):
            await made.controller.set_suite(
                bad.model_copy(update={"tenants": tenants(acme=[{"path": "/a2"}])})
            )
        got = [await seen(http, "acme.example", path) for path in ("/a", "/a2")]

    assert got == [200, 404]
    assert "tenant" not in made.controller.health().reason


async def test_the_next_daemon_knows_the_good_routes(tmp_path: Path) -> None:
    """A tenant whose file is bad since yesterday still has what it had."""
    first = suite(acme=[{"path": "/a"}])
    assert first.gateway is not None
    async with (
        upstream("web") as web,
        door(tmp_path, first, {"web": [web.port]}, follow=False) as made,
        client(made) as http,
    ):
        port = first.gateway.port
        assert isinstance(port, int)
        bad = suite(port, acme=[{"path": "/a2", **BAD}])
        second = Door(tmp_path, bad, {"web": [web.port]})
        await second.controller.prepare()
        got = await seen(http, "acme.example", "/a")

    assert got == 200
    assert "tenant acme" in second.controller.health().reason


async def test_tenants_are_apart(tmp_path: Path) -> None:
    """Whose token it is not is refused; one that asks too often takes nothing from the others."""
    own = [{"path": "/x", "auth_required": True}]
    made_of = suite(acme=own, beta=own)
    limited = {
        name: tenant.model_copy(
            update={"rate_limits": tenant.rate_limits.model_copy(update={"requests_per_minute": 3})}
        )
        for name, tenant in made_of.tenants.items()
    }
    assert made_of.gateway is not None
    gateway = made_of.gateway.model_copy(update={"policies": ("rate limiting",)})
    wanted = made_of.model_copy(update={"tenants": limited, "gateway": gateway})
    async with (
        upstream("web") as web,
        door(tmp_path, wanted, {"web": [web.port]}) as made,
        client(made) as http,
    ):

        async def ask(tenant: str, host: str) -> int:
            ada = Principal("user", "ada", tenant=tenant)
            token = made.issuer.mint_for(ada, For("intertie"), now=now())
            headers = {"host": f"{host}.example", "authorization": f"Bearer {token}"}
            return (await http.get("/x", headers=headers)).status_code

        crossed = [await ask("acme", "beta"), await ask("beta", "acme"), await ask("", "acme")]
        many = [await ask("acme", "acme") for _ in range(6)]
        other = [await ask("beta", "beta") for _ in range(2)]

    assert crossed == [403, 403, 403]
    assert (many[0], many[-1]) == (200, 429)
    assert other == [200, 200]


def test_a_broken_memory_is_none(tmp_path: Path) -> None:
    """Nothing is kept then, and nothing fails."""
    file = tmp_path / "tenants.json"
    file.write_text("{")
    wall = TenantWall(file)
    wall.load()
    wanted = suite(acme=[{"path": "/a"}])

    assert wall.suspects(wanted) == ["acme"]
    assert wall.suite(wanted, {"acme"}).tenants["acme"].routes == ()
