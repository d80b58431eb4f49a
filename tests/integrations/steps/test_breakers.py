"""Who fails again and again is left alone, and only who fails."""

from functools import partial
from typing import Any

import pytest
from anyio import Event, create_task_group

from intertie.integrations.errors import (
    AbsentError,
    AuthExpiredError,
    CircuitOpenError,
    IntegrationError,
    VendorDownError,
)
from intertie.integrations.message import Request, Response
from tests.integrations.shop import CONFIG, Shop
from tests.integrations.stage import Stage, answer
from tests.waiting import eventually

pytestmark = pytest.mark.anyio
ONCE = {"max_attempts": 1}
BREAKER = {"failure_threshold": 2, "recovery_timeout": 20}


def shop_of(stage: Stage, tenant: str = "default", **told: Any) -> Shop:
    """One that tries once, and gives up after two failures."""
    told = {"config": CONFIG, "retry_policy": ONCE, "circuit_breaker": BREAKER, **told}
    return stage.made(Shop, tenant, **told)


async def fail(shop: Shop, times: int = 2) -> None:
    """So many calls that fail."""
    for _ in range(times):
        with pytest.raises(IntegrationError):
            await shop.ping()


def gone(request: Request) -> Response:
    """A vendor that fails."""
    return answer({}, 503)


async def test_after_so_many_failures_nothing_is_asked_for_a_while() -> None:
    """The error says how long, and the vendor is left alone meanwhile."""
    stage = Stage()
    stage.vendor.answers = gone
    shop = shop_of(stage)
    await fail(shop)

    with pytest.raises(CircuitOpenError, match="2 times in a row; the next try is in 20 s") as told:
        await shop.ping()

    assert told.value.retry_after_s == 20
    assert len(stage.vendor.asked) == 2


async def test_one_call_tries_whether_it_is_well_again() -> None:
    """All others are refused until that one has come back."""
    stage, asked, go = Stage(), Event(), Event()
    stage.vendor.answers = gone
    shop = shop_of(stage)
    await fail(shop)
    stage.clock.time_s += 20

    async def slow(request: Request) -> Response:
        asked.set()
        await go.wait()
        return answer({})

    stage.vendor.answers = slow
    async with create_task_group() as group:
        group.start_soon(shop.ping)
        await asked.wait()
        for _ in range(5):
            with pytest.raises(CircuitOpenError):
                await shop.ping()
        go.set()

    assert len(stage.vendor.asked) == 3
    await shop.ping()
    assert not shop.breaker.is_open


async def test_a_try_that_fails_begins_the_pause_anew() -> None:
    """From then on, not from the first failure."""
    stage = Stage()
    stage.vendor.answers = gone
    shop = shop_of(stage)
    await fail(shop)
    stage.clock.time_s += 20
    await fail(shop, 1)
    stage.clock.time_s += 19

    with pytest.raises(CircuitOpenError):
        await shop.ping()

    assert len(stage.vendor.asked) == 3


async def test_a_try_that_is_given_up_lets_the_next_one_try() -> None:
    """A caller that was cancelled locks nobody out."""
    stage, asked = Stage(), Event()
    stage.vendor.answers = gone
    shop = shop_of(stage)
    await fail(shop)
    stage.clock.time_s += 20

    async def hang(request: Request) -> Response:
        asked.set()
        await Event().wait()
        raise AssertionError

    stage.vendor.answers = hang
    async with create_task_group() as group:
        group.start_soon(shop.ping)
        await asked.wait()
        group.cancel_scope.cancel()
    stage.vendor.answers = lambda request: answer({})
    await shop.ping()

    assert not shop.breaker.is_open


async def test_a_call_from_before_the_break_frees_no_second_try() -> None:
    """What was under way already, and is given up later, is not the one who tries."""
    stage, goes = Stage(), [Event(), Event()]

    async def hang(request: Request) -> Response:
        await goes.pop(0).wait()
        return answer({})

    stage.vendor.answers = hang
    shop = shop_of(stage)
    async with create_task_group() as group:
        async with create_task_group() as old:
            old.start_soon(shop.ping)
            await eventually(lambda: len(stage.vendor.asked) == 1)
            stage.vendor.answers = gone
            await fail(shop)
            stage.clock.time_s += 20
            stage.vendor.answers = hang
            group.start_soon(shop.ping)
            await eventually(lambda: len(stage.vendor.asked) == 4)
            old.cancel_scope.cancel()
        with pytest.raises(CircuitOpenError):
            await shop.ping()
        group.cancel_scope.cancel()


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422, 429, 302])
async def test_what_the_vendor_refuses_shows_that_it_lives(status: int) -> None:
    """However often."""
    stage = Stage()
    shop = shop_of(stage)
    await fail_then(stage, status, shop)

    assert shop.breaker.failures == 0


async def fail_then(stage: Stage, status: int, shop: Shop) -> None:
    """One failure, and then an answer of this status."""
    stage.vendor.answers = gone
    await fail(shop, 1)
    stage.vendor.answers = lambda request: answer({}, status)
    await fail(shop, 1)


async def test_dead_credentials_are_left_alone_as_such() -> None:
    """The cure is to log in, not to wait for the vendor; health says so."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({}, 401)
    shop = shop_of(stage)
    await fail(shop)

    with pytest.raises(AuthExpiredError, match="credentials were refused 2 times in a row"):
        await shop.ping()

    assert len(stage.vendor.asked) == 2
    health = await shop.health_check()
    assert (health["cause"], health["cure"]) == (
        "auth",
        "log in anew: intertie integrations connect default/main",
    )


async def down_for_three(stage: Stage) -> None:
    """A vendor that three tenants found dead."""
    stage.vendor.answers = gone
    for tenant in ("a", "b", "c"):
        await fail(shop_of(stage, tenant))


async def test_a_vendor_that_fails_three_tenants_is_left_alone_for_all() -> None:
    """A fourth one need not find out for itself."""
    stage = Stage()
    await down_for_three(stage)

    with pytest.raises(CircuitOpenError, match="shop fails for several tenants"):
        await shop_of(stage, "d").ping()

    assert len(stage.vendor.asked) == 6


async def test_two_tenants_show_nothing_to_a_third() -> None:
    """They may have the same fault."""
    stage = Stage()
    stage.vendor.answers = gone
    for tenant in ("a", "b"):
        await fail(shop_of(stage, tenant))
    stage.vendor.answers = lambda request: answer({})

    await shop_of(stage, "c").ping()


async def test_whose_own_breaker_is_open_does_not_try_for_all() -> None:
    """Else all would wait for a tenant who may never come back."""
    stage = Stage()
    await down_for_three(stage)
    fourth = shop_of(stage, "d")
    patient = stage.registry.get("main", "a")
    assert isinstance(patient, Shop)
    patient.breaker.open_until += 1000
    stage.clock.time_s += 30
    with pytest.raises(CircuitOpenError, match="in a row"):
        await patient.ping()

    stage.vendor.answers = lambda request: answer({})
    await fourth.ping()

    assert not any(each.is_down for each in stage.tools.evidence.values())


@pytest.mark.parametrize("status", [404, 401, 429])
async def test_any_answer_to_the_try_shows_that_the_vendor_lives(status: int) -> None:
    """Also one that refuses what this tenant asks."""
    stage = Stage()
    await down_for_three(stage)
    stage.clock.time_s += 30
    stage.vendor.answers = lambda request: answer({}, status)
    await fail(shop_of(stage, "d"), 1)

    stage.vendor.answers = lambda request: answer({})
    await shop_of(stage, "e").ping()


async def test_a_tenant_who_gives_up_its_try_leaves_it_to_others() -> None:
    """One cancelled call must not lock out everybody else."""
    stage, asked = Stage(), Event()
    await down_for_three(stage)
    stage.clock.time_s += 30

    async def hang(request: Request) -> Response:
        asked.set()
        await Event().wait()
        raise AssertionError

    stage.vendor.answers = hang
    async with create_task_group() as group:
        group.start_soon(shop_of(stage, "d").ping)
        await asked.wait()
        with pytest.raises(CircuitOpenError):
            await shop_of(stage, "e").ping()
        group.cancel_scope.cancel()
    stage.vendor.answers = lambda request: answer({})

    await shop_of(stage, "f").ping()


async def test_a_try_for_all_that_fails_begins_the_pause_for_all_anew() -> None:
    """Though the one who tried has failed only once."""
    stage = Stage()
    await down_for_three(stage)
    stage.clock.time_s += 30
    await fail(shop_of(stage, "d"), 1)
    before = len(stage.vendor.asked)

    with pytest.raises(CircuitOpenError):
        await shop_of(stage, "e").ping()

    assert len(stage.vendor.asked) == before


async def test_dead_addresses_of_their_own_say_nothing_of_the_vendor() -> None:
    """Three tenants with a dead sandbox each leave the vendor open to the fourth."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({}, 503 if "dead" in request.url else 200)
    for tenant in ("a", "b", "c"):
        told = {**CONFIG, "base_url": f"https://dead-{tenant}.example"}
        await fail(shop_of(stage, tenant, config=told))

    await shop_of(stage, "d").ping()


async def test_an_answer_that_was_refused_hurts_neither() -> None:
    """An absent thing is no failure of anybody."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({}, 404)
    shop = shop_of(stage)
    for _ in range(10):
        with pytest.raises(AbsentError):
            await shop.item(id="x")

    assert stage.tools.evidence == {}


async def test_many_calls_at_once_fail_as_one_breaker_says() -> None:
    """Those under way end as they do; those after them are refused."""
    stage = Stage()
    stage.vendor.answers = gone
    shop = shop_of(stage)
    ends: list[type[Exception]] = []

    async def one() -> None:
        try:
            await shop.ping()
        except VendorDownError as exc:
            ends.append(type(exc))

    async with create_task_group() as group:
        for _ in range(20):
            group.start_soon(partial(one))

    assert ends.count(VendorDownError) == len(stage.vendor.asked)
    assert len(ends) == 20
    assert ends.count(CircuitOpenError) == 18
