"""Whose allowances a call is counted against."""

from typing import Any

import pytest

from intertie.integrations.budget import account_of, allowance, pause_of
from intertie.integrations.data import Limits
from intertie.integrations.operation import Empty, Nothing, get
from tests.integrations.shop import AppShop, GrantShop, Shop
from tests.integrations.stage import Stage


def meters(shop: Shop, operation: str = "ping") -> dict[str, int]:
    """How much each subject may."""
    account = account_of(shop, shop.operations[operation])
    return {each.key: each.policy.count for each in account.meters} if account else {}


def made(stage: Stage, kind: type[Shop], tenant: str = "a", app: str = "t", **told: Any) -> Shop:
    """A connection of this app."""
    return stage.made(kind, tenant, config={"token": app}, **told)


def test_what_has_no_limit_has_no_account() -> None:
    """And costs nothing."""
    assert account_of(made(Stage(), Shop), Shop.ping) is None


def test_all_limits_count_at_once() -> None:
    """The vendor's, the tenant's, the connection's and the operation's."""

    class Slow(Shop):
        kind = "slow"
        limits = Limits(100, 10)
        ping = get("/ping", Nothing, Empty, per_minute=7, per_second=2)

    stage = Stage()
    stage.tools.tenant_rates = {"a": 50}
    rates = {"requests_per_minute": 20, "burst_limit": 3}

    assert meters(made(stage, Slow, rate_limits=rates)) == {
        "vendor|a/main|60": 100,
        "vendor|a/main|1": 10,
        "tenant|a|60": 50,
        "own|a/main|60": 20,
        "own|a/main|1": 3,
        "own|a/main|ping|60": 7,
        "own|a/main|ping|1": 2,
    }


def test_an_app_is_known_by_its_credentials_and_shows_none() -> None:
    """Two apps have two allowances, two connections of one app have one."""
    stage = Stage()
    one, same = made(stage, AppShop), made(stage, AppShop, "b")
    other = made(stage, AppShop, "c", "another")

    assert allowance(one) == allowance(same) != allowance(other)
    assert allowance(one).startswith("vendor|app shop|")
    assert "another" not in allowance(other)


def test_an_app_of_oauth_is_known_by_its_id() -> None:
    """Whatever its secret is."""

    class App(GrantShop):
        kind = "app of people"
        limits = Limits(60, per="app")

    stage = Stage()
    one = stage.made(App, "a", config={"client_id": "x", "client_secret": "1"})
    same = stage.made(App, "b", config={"client_id": "x", "client_secret": "2"})

    assert allowance(one) == allowance(same)


@pytest.mark.parametrize(("tenants", "part"), [(1, None), (2, 30), (3, 20), (61, 1)])
def test_parts_are_equal_and_never_nothing(tenants: int, part: int | None) -> None:
    """Of the minute; the whole is a meter too, so that rounding never makes it more."""
    stage = Stage()
    shops = [made(stage, AppShop, f"t{number}") for number in range(tenants)]
    whole = allowance(shops[0])

    found = meters(shops[0])

    assert found[f"{whole}|60"] == 60
    assert found.get(f"{whole}|t0|60") == part
    assert found.get(f"{whole}|t0|1") == (None if part is None else max(10 // tenants, 1))


@pytest.mark.anyio
async def test_two_connections_of_one_tenant_are_one_part() -> None:
    """A second name is no second part, and its end takes none away."""
    stage = Stage()
    first = made(stage, AppShop)
    made(stage, AppShop, name="second")
    made(stage, AppShop, "b")
    key = f"{allowance(first)}|a|60"
    assert meters(first)[key] == 30

    await stage.registry.remove("second", "a")
    assert meters(first)[key] == 30
    await stage.registry.remove("main", "b")
    assert key not in meters(first)


def test_a_pause_is_of_what_the_vendor_counts() -> None:
    """The app, the connection, or one operation of it."""

    class PerCall(Shop):
        kind = "per call"
        limits = Limits(per="operation")

    stage = Stage()
    app, own, each = made(stage, AppShop), made(stage, Shop, "b"), made(stage, PerCall, "c")

    assert pause_of(app, app.operations["ping"]) == allowance(app)
    assert pause_of(own, own.operations["ping"]) == "vendor|b/main"
    assert pause_of(each, each.operations["ping"]) == "vendor|c/main|ping"
