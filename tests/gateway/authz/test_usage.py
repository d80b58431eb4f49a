"""How much of its limits a client has used."""

from typing import Any

import pytest

from intertie.gateway.authz.usage import Used, as_json, usage
from intertie.gateway.limits.plan import Asker, LimitPlan
from intertie.identity.principal import Principal
from intertie.limits.memory import MemoryCounters
from tests.gateway.authz.asking import settings

pytestmark = pytest.mark.anyio

GIVEN: dict[str, Any] = {
    "limits": {"default_rate": "10/hour", "burst_rate": "5/minute"},
    "tenants": {"acme": {"requests_per_minute": 100}},
    "routes": {"a": {}, "own": {"rate_limit": "3/second"}, "free": {"limited": False}},
}


async def test_usage_has_each_policy_once_with_what_was_used() -> None:
    """Over all routes, then of the routes with rates of their own, and of the tenant."""
    told, counters = settings(**GIVEN), MemoryCounters(now_us=lambda: 10**15)
    assert told.limits is not None
    plan = LimitPlan(told.limits, told.tenants)
    asker = Asker("", Principal("key", "k1", "acme"))
    for _ in range(2):
        await counters.take(plan.account(asker, "a", None))
    await counters.take(plan.account(asker, "own", told.routes["own"].rate_limit))

    found = await usage("key:k1", "acme", settings=told, counters=counters)

    assert [(each.policy, each.route, each.used, each.remaining) for each in found] == [
        ("default", "*", 2, 8),
        ("burst", "*", 2, 3),
        ("tenant-minute", "*", 3, 97),
        ("route-second", "own", 1, 2),
    ]
    assert found[0].reset_s > 3500


async def test_usage_of_an_address_is_that_of_who_is_not_known() -> None:
    """As requests without a credential are counted."""
    told, counters = settings(**GIVEN), MemoryCounters(now_us=lambda: 10**15)
    assert told.limits is not None
    await counters.take(LimitPlan(told.limits).account(Asker("192.0.2.1"), "a", None))

    found = await usage("ip:192.0.2.1", settings=told, counters=counters)

    assert (found[0].policy, found[0].used) == ("default", 1)


async def test_without_limits_there_is_nothing_to_tell() -> None:
    """Not even zeros."""
    assert await usage("key:k1", settings=settings(), counters=MemoryCounters()) == []


@pytest.mark.parametrize("client", ["", "ada", "key:", "root:1", "ip:"])
async def test_a_client_that_is_none_is_a_fault(client: str) -> None:
    """With what one looks like."""
    with pytest.raises(ValueError, match="key:3f9a"):
        await usage(client, settings=settings(**GIVEN), counters=MemoryCounters())


def test_the_answer_is_plain_data() -> None:
    """As the management API hands it on."""
    used = Used("default", "*", 10, 3600, 2, 8, 30)

    assert as_json("key:k1", "acme", [used]) == {
        "client": "key:k1",
        "tenant": "acme",
        "policies": [
            {
                "policy": "default",
                "route": "*",
                "limit": 10,
                "window_s": 3600,
                "used": 2,
                "remaining": 8,
                "reset_s": 30,
            }
        ],
    }
