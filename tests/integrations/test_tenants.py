"""Two tenants on one kind: neither can see, exhaust or break the other."""

import logging
from typing import Any

import pytest
from aiohttp import web

from intertie.errors import ConflictError, IntertieError
from intertie.integrations.base import BaseIntegration
from intertie.integrations.call import Tools
from intertie.integrations.config import IntegrationConfig, IntegrationStatus
from intertie.integrations.errors import (
    CircuitOpenError,
    IntegrationError,
    ThrottledError,
)
from intertie.integrations.message import Request, Response
from intertie.integrations.observe import Metrics
from intertie.integrations.registry import IntegrationRegistry
from intertie.integrations.transport import AiohttpTransport
from tests.integrations.shop import AppShop, GrantShop, Shop
from tests.integrations.stage import Stage, answer
from tests.integrations.test_transport import served

pytestmark = pytest.mark.anyio
ONCE: dict[str, Any] = {"retry_policy": {"max_attempts": 1}}


def token_of(tenant: str) -> str:
    """The secret of a tenant."""
    return f"token-of-{tenant}-0001"


def both(stage: Stage, kind: type[Shop] = Shop, **told: Any) -> tuple[Shop, Shop]:
    """The same name, the same kind, two tenants."""
    one, two = (
        stage.made(kind, each, **{"config": {"token": token_of(each)}, **told})
        for each in ("acme", "globex")
    )
    return one, two


async def fails(shop: Shop) -> IntegrationError:
    """What a call that fails is told."""
    with pytest.raises(IntegrationError) as caught:
        await shop.ping()
    return caught.value


def test_a_name_is_a_tenants_own() -> None:
    """Both may have it; a third has nothing; without a tenant it is nobody's."""
    stage = Stage()
    one, two = both(stage)

    assert stage.registry.get("main", "acme") is one
    assert stage.registry.get("main", "globex") is two
    assert stage.registry.get("main", "initech") is None
    assert stage.registry.of("acme") == (one,)
    with pytest.raises(IntertieError, match="acme, globex have one each"):
        stage.registry.get("main")
    with pytest.raises(ConflictError):
        stage.made(Shop, "acme", config={"token": "x"})


async def test_a_tenant_that_leaves_takes_nothing_along() -> None:
    """The other one's connection works as before."""
    stage = Stage()
    _, two = both(stage)

    assert await stage.registry.remove("main", "acme")
    assert not await stage.registry.remove("main", "acme")

    assert stage.registry.get("main", "globex") is two
    await two.ping()


async def test_each_call_shows_its_own_tenants_credentials(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And no text of one has a secret of the other, though the vendor mixes them up."""
    caplog.set_level(logging.DEBUG)
    stage = Stage()
    one, two = both(stage, **ONCE)
    seen: list[str] = []

    def mixed(request: Request) -> Response:
        seen.append(request.headers["authorization"])
        return answer({"message": "no"}, 403)

    stage.vendor.answers = mixed
    texts = f"{await fails(one)} {await fails(two)} {one!r} {two!r} {caplog.text}"

    assert seen == [f"Bearer {token_of('acme')}", f"Bearer {token_of('globex')}"]
    assert token_of("acme") not in texts
    assert token_of("globex") not in texts


async def test_pauses_and_allowances_are_each_ones_own() -> None:
    """One that is throttled, or has spent its rate, holds up nobody else."""
    stage = Stage()
    one, two = both(stage, rate_limits={"requests_per_minute": 5}, **ONCE)
    stage.vendor.answers = lambda request: answer(
        {}, 429 if "acme" in request.headers["authorization"] else 200, retry_after="900"
    )

    assert isinstance(await fails(one), ThrottledError)
    assert isinstance(await fails(one), ThrottledError)
    for _ in range(5):
        await two.ping()
    assert isinstance(await fails(two), ThrottledError)

    assert len(stage.vendor.asked) == 6


async def test_a_tenants_rate_is_not_taken_from_another() -> None:
    """However many connections the first one has."""
    stage = Stage()
    stage.tools.tenant_rates = {"acme": 4, "globex": 4}
    many = [stage.made(Shop, "acme", name=f"n{n}", config={"token": "t"}, **ONCE) for n in range(9)]
    other = stage.made(Shop, "globex", config={"token": "t"}, **ONCE)
    passed = 0
    for each in many:
        try:
            await each.ping()
            passed += 1
        except ThrottledError:
            continue

    assert passed == 4
    for _ in range(4):
        await other.ping()


async def test_of_one_app_of_a_vendor_each_tenant_has_an_equal_part() -> None:
    """One that asks without end leaves the others theirs; together never more than the whole."""
    stage = Stage()
    told = {"config": {"token": "the-app-of-us-all"}, **ONCE}
    shops = [stage.made(AppShop, each, **told) for each in ("acme", "globex", "initech")]
    passed = [0, 0, 0]
    for second in range(30):
        for number, tries in ((0, 10), (1, 2), (2, 2)):
            for _ in range(tries if number == 0 or second % 3 == 0 else 0):
                try:
                    await shops[number].ping()
                    passed[number] += 1
                except ThrottledError:
                    continue
        stage.clock.time_s += 1

    assert passed == [20, 20, 20]
    assert len(stage.vendor.asked) == 60


async def test_dead_credentials_of_one_are_no_news_of_the_vendor() -> None:
    """Its breaker opens; the other one is asked as before."""
    stage = Stage()
    one, two = both(stage, circuit_breaker={"failure_threshold": 2}, **ONCE)
    stage.vendor.answers = lambda request: answer(
        {}, 401 if "acme" in request.headers["authorization"] else 200
    )
    for _ in range(5):
        assert (await fails(one)).cause == "auth"

    await two.ping()

    assert len(stage.vendor.asked) == 3
    assert stage.tools.evidence == {}


async def test_a_dead_address_of_one_opens_its_own_breaker_only() -> None:
    """Even when three of its connections lead there."""
    stage = Stage()
    dead = {"token": "t-1234", "base_url": "https://dead.example"}
    told: dict[str, Any] = {"circuit_breaker": {"failure_threshold": 1}, **ONCE}
    many = [stage.made(Shop, "acme", name=f"n{n}", config=dead, **told) for n in range(5)]
    other = stage.made(Shop, "globex", config={"token": "t-1234"}, **told)
    stage.vendor.answers = lambda request: answer({}, 503 if "dead" in request.url else 200)
    for each in many:
        await fails(each)
        assert isinstance(await fails(each), CircuitOpenError)

    await other.ping()


async def test_scopes_of_one_grant_are_looked_at_per_connection() -> None:
    """Whoever lacks one is told so by its own label."""
    stage = Stage()
    stage.grants.granted = frozenset()
    shop = stage.made(GrantShop, "globex")

    with pytest.raises(IntegrationError, match="connect globex/main"):
        await shop.orders()


async def test_counts_are_kept_apart() -> None:
    """One tenant's failures are not in the other one's figures."""
    stage = Stage()
    one, two = both(stage, **ONCE)
    stage.vendor.answers = lambda request: answer(
        {}, 503 if "acme" in request.headers["authorization"] else 200
    )
    await fails(one)
    await two.ping()
    await two.ping()

    acme, globex = (stage.metrics.of_tenant(each) for each in ("acme", "globex"))
    assert (acme.calls, acme.failed, acme.causes) == (1, 1, {"vendor": 1})
    assert (globex.calls, globex.failed) == (2, 0)
    assert {row["tenant"] for row, _ in stage.metrics} == {"acme", "globex"}


class Burst(BaseIntegration):
    """Somebody's own connector that fails in every way."""

    async def initialize(self) -> bool:
        """See BaseIntegration."""
        raise RuntimeError("top-secret-of-acme")

    async def health_check(self) -> dict[str, Any]:
        """See BaseIntegration."""
        raise RuntimeError("top-secret-of-acme")

    async def cleanup(self) -> None:
        """See BaseIntegration."""
        raise RuntimeError("top-secret-of-acme")


async def test_a_connector_that_bursts_takes_nobody_along() -> None:
    """Opening, looking and closing go on for all others."""
    stage = Stage()
    stage.registry.register(Burst, IntegrationConfig(name="own"), "acme")
    good = stage.made(Shop, "globex", config={"token": "t"})

    opened = await stage.registry.enable_all()
    looked = await stage.registry.check_all()
    await stage.registry.aclose()

    assert opened == {"acme/own": False, "globex/main": True}
    assert looked["globex/main"]["healthy"]
    assert looked["acme/own"]["error"] == "it raised RuntimeError"
    burst = stage.registry.get("own", "acme")
    assert isinstance(burst, Burst)
    assert "top-secret" not in burst.trouble
    assert good.status is IntegrationStatus.HEALTHY
    assert stage.vendor.closed == 1


async def test_over_the_wire_tenants_share_a_pool_and_nothing_else() -> None:
    """Real connections: cookies that the vendor sets for one never reach it from the other."""
    seen: list[tuple[str, str | None]] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        whose = request.headers["authorization"]
        seen.append((whose, request.headers.get("cookie")))
        return web.json_response({}, headers={"Set-Cookie": f"session={whose[-12:]}"})

    registry = IntegrationRegistry(Tools(AiohttpTransport(), observers=(Metrics(),)))
    async with served(handle) as url:
        try:
            for _ in range(2):
                for tenant in ("acme", "globex"):
                    if (shop := registry.get("main", tenant)) is None:
                        told = {"token": token_of(tenant), "base_url": url}
                        config = IntegrationConfig(name="main", config=told)
                        shop = registry.register(Shop, config, tenant)
                    assert isinstance(shop, Shop)
                    await shop.ping()
        finally:
            await registry.aclose()

    assert seen == [(f"Bearer {token_of(each)}", None) for each in ("acme", "globex")] * 2
