"""Consent is looked at before anything is sent."""

import pytest

from intertie.integrations.errors import ScopeMissingError
from tests.integrations.shop import CONFIG, GrantShop, Shop
from tests.integrations.stage import Stage

pytestmark = pytest.mark.anyio


async def test_every_missing_scope_is_named() -> None:
    """In the text, and as data."""
    stage = Stage()
    stage.grants.granted = frozenset({"mail"})
    shop = stage.made(GrantShop)

    with pytest.raises(ScopeMissingError, match="lacks orders, items") as caught:
        await shop.orders()

    assert caught.value.scopes == ("orders", "items")
    assert stage.vendor.asked == []
    assert stage.metrics.of("default", "main").calls == 0


async def test_enough_consent_lets_the_call_through() -> None:
    """More than is needed is no fault."""
    stage = Stage()
    stage.grants.granted = frozenset({"orders", "items", "mail"})

    await stage.made(GrantShop).orders()

    assert len(stage.vendor.asked) == 1


async def test_unknown_consent_is_the_vendors_to_judge() -> None:
    """Where nobody knows what was granted, it is tried."""
    stage = Stage()
    stage.grants.granted = None

    await stage.made(GrantShop).orders()

    assert len(stage.vendor.asked) == 1


async def test_without_grants_nothing_is_checked() -> None:
    """A registry that keeps no grants has connectors with keys of their own."""
    stage = Stage()
    stage.tools.grants = None

    await stage.made(Shop, config=CONFIG).ping()

    assert len(stage.vendor.asked) == 1
