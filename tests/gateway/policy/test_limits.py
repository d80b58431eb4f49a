"""Limits that Envoy counts itself, on a real Envoy."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from intertie.gateway.policy.limits import (
    FIELDS_KIND,
    KIND,
    SLOTS,
    Slot,
    config,
    fields,
    limits_reply,
    metadata,
    on_route,
)
from intertie.gateway.xds import enabled
from intertie.suite.identity import TenantRates
from intertie.suite.limits import RateLimiting, Window, parse_windows
from tests.gateway.policy.bare import envoy

GOLDEN = Path(__file__).parents[2] / "golden" / "gateway" / "limits.json"
TENANTS = {"acme": TenantRates(requests_per_minute=2)}
ROUTES: dict[str, tuple[Window, ...] | None] = {"all": None, "own": parse_windows("1/minute")}


def _filters(limits: RateLimiting) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for slot in SLOTS:
        own = config(slot, limits, routes=ROUTES, tenants=TENANTS)
        found += [
            {"name": slot.fields_name, "typed_config": {"@type": FIELDS_KIND, **fields(slot)}},
            {"name": slot.name, "typed_config": {"@type": KIND, **own}},
        ]
    return [{**each, "disabled": True} for each in found]


def _routes(limits: RateLimiting) -> list[dict[str, Any]]:
    found = []
    for name, windows in ROUTES.items():
        on: dict[str, Any] = {}
        for slot in SLOTS:
            if on_route(slot, limits, windows=windows, tenants=TENANTS) is not None:
                on |= {slot.name: enabled(), slot.fields_name: enabled()}
        scope = metadata(name if windows is not None else "*")
        found.append(
            {
                "name": name,
                "match": {"prefix": f"/{name}"},
                "metadata": scope,
                "typed_per_filter_config": on,
                "route": {"cluster": "up"},
            }
        )
    found.append({"name": "free", "match": {"prefix": "/"}, "route": {"cluster": "up"}})
    return found


def _limits(**changes: Any) -> RateLimiting:
    return RateLimiting.model_validate(
        {
            "default_rate": "5/hour",
            "burst_rate": "3/minute",
            "consumers": {"key:vip": "6/minute"},
            **changes,
        }
    )


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_client_gets_its_burst_then_429_with_the_time_to_wait(tmp_path: Path) -> None:
    """The draft's fields on every answer; Envoy's own names for them on none."""
    limits = _limits()
    replies: Mapping[str, Any] = {"mappers": [limits_reply()]}
    async with envoy(
        tmp_path, _routes(limits), _filters(limits), local_reply_config=replies
    ) as client:
        ada = {"x-client-id": "user:ada"}
        passed = [await client.get("/all", headers=ada) for _ in range(3)]
        refused = await client.get("/all", headers=ada)
        other = await client.get("/all", headers={"x-client-id": "user:eve"})
        free = await client.get("/", headers=ada)

    assert [each.status_code for each in passed] == [200, 200, 200]
    assert passed[0].headers["ratelimit-policy"] == '"hour";q=5;w=3600, "minute";q=3;w=60'
    assert passed[0].headers["ratelimit"] == '"hour";r=4, "minute";r=2'
    assert "retry-after" not in passed[2].headers
    assert refused.status_code == 429
    wait_s = refused.headers["retry-after"]
    assert refused.headers["ratelimit"].startswith(f'"minute";r=0;t={wait_s}')
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert refused.json()["code"] == "rate_limited"
    assert refused.headers["content-type"] == "application/problem+json"
    assert other.status_code == free.status_code == 200
    assert "ratelimit" not in free.headers
    for answer in (*passed, refused):
        assert not [name for name in answer.headers if name.startswith("x-ratelimit")]
        assert not [name for name in answer.headers if name.startswith("x-intertie")]


@pytest.mark.anyio
@pytest.mark.slow
async def test_plans_own_rates_tenants_and_strangers_are_counted_apart(tmp_path: Path) -> None:
    """Exact clients have their plan, a route its own rate, a tenant one for all its clients."""
    limits = _limits()
    async with envoy(tmp_path, _routes(limits), _filters(limits)) as client:

        async def ask(path: str, times: int, **headers: str) -> list[int]:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return [(await client.get(path, headers=named)).status_code for _ in range(times)]

        vip = await ask("/all", 7, x_client_id="key:vip")
        own = await ask("/own", 2, x_client_id="user:ada")
        strangers = [(await ask("/all", 1, x_forwarded_for=f"198.51.100.{n}"))[0] for n in range(4)]
        tenant = [
            (await ask("/all", 1, x_client_id=f"user:{n}", x_tenant_id="acme"))[0] for n in range(3)
        ]

    assert vip == [200] * 6 + [429]
    assert own == [200, 429]
    assert strangers == [200, 200, 200, 429]
    assert tenant == [200, 200, 429]


@pytest.mark.anyio
@pytest.mark.slow
async def test_a_shadow_refuses_nobody(tmp_path: Path) -> None:
    """It counts, as the fields show."""
    limits = _limits(shadow=True)
    async with envoy(tmp_path, _routes(limits), _filters(limits)) as client:
        answers = [await client.get("/all", headers={"x-client-id": "a"}) for _ in range(5)]

    assert [each.status_code for each in answers] == [200] * 5
    assert '"minute";r=0' in answers[-1].headers["ratelimit"]


def test_the_filters_are_as_the_golden_file_has_them() -> None:
    """A change of what Envoy gets is seen."""
    found = {
        slot.name: config(slot, _limits(key="client+route"), routes=ROUTES, tenants=TENANTS)
        for slot in (Slot("minute"), Slot("hour"), Slot("minute", of_tenant=True))
    }

    assert found == json.loads(GOLDEN.read_text())


def test_every_filter_has_room_for_many_clients() -> None:
    """At Envoy's default of 20 a client would be forgotten after 20 others."""
    for slot in SLOTS:
        for limits in (None, _limits()):
            found = config(slot, limits, routes=ROUTES, tenants=TENANTS)
            assert found["max_dynamic_descriptors"] >= 100_000


def test_a_route_without_limits_has_no_filter() -> None:
    """What nobody asked for costs nothing."""
    tenants: dict[str, TenantRates] = {}
    limits = _limits(consumers={})
    on = [on_route(slot, limits, windows=None, tenants=tenants) is not None for slot in SLOTS]

    assert [slot.policy for slot, is_on in zip(SLOTS, on, strict=True) if is_on] == [
        *("minute", "hour")
    ]
    assert not any(on_route(slot, None, windows=None, tenants=TENANTS) for slot in SLOTS)
