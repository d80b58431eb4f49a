"""What connectors of every shape share."""

import pytest

from intertie.integrations.data import Sandbox
from intertie.integrations.errors import InvalidError
from intertie.integrations.operation import Empty, Nothing, get
from intertie.integrations.rest import RestIntegration
from tests.integrations.shop import CONFIG, Shop
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio


def test_an_operation_cannot_hide_a_part_of_the_connector() -> None:
    """Calls would end up in the wrong place."""
    with pytest.raises(TypeError, match=r"Bad\.account: connectors have a part of this name"):
        type("Bad", (RestIntegration,), {"account": get("/account", Nothing, Empty)})


def test_nobody_calls_what_is_not_registered() -> None:
    """A registry gives it all that it shares with others."""
    shop = Stage().made(Shop, config=CONFIG)
    alone = type(shop)(shop.config)

    with pytest.raises(InvalidError, match="register it first"):
        _ = alone.tools


async def test_real_money_moves_only_when_it_is_meant_to() -> None:
    """What is not known to be play money is real."""

    class Bank(Shop):
        kind = "bank"
        sandbox = Sandbox("token", ("test_",))

    stage = Stage()
    stage.vendor.answers = lambda request: answer({})
    real = stage.made(Bank, name="real", config={**CONFIG, "token": "live_1"})
    play = stage.made(Bank, name="play", config={**CONFIG, "token": "test_1"})

    await play.pay(cents=1)
    with pytest.raises(InvalidError, match="moves real money; say `allow_live: true`"):
        await real.pay(cents=1)

    assert len(stage.vendor.asked) == 1


async def test_traffic_is_proof_enough() -> None:
    """Who was answered just now is not asked again; a good answer makes a sick one well."""
    stage = Stage()
    busy = stage.made(Shop, name="busy", config=CONFIG)
    stage.made(Shop, name="idle", config=CONFIG)
    stage.vendor.answers = lambda request: answer(status=401)
    await stage.registry.check_all()
    sick = busy.status
    stage.vendor.answers = lambda request: answer({})
    await busy.ping()

    looked_at = await stage.registry.check_all(unless_proved_s=60)
    stage.clock.time_s += 61
    later = await stage.registry.check_all(unless_proved_s=60)

    assert (sick, busy.status, busy.trouble) == ("unhealthy", "healthy", "")
    assert list(looked_at) == ["default/idle"]
    assert set(later) == {"default/idle", "default/busy"}


async def test_health_says_cause_and_cure() -> None:
    """Of the probe that failed, for whoever looks."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer(status=401)
    shop = stage.made(Shop, "acme", config=CONFIG)

    told = await shop.health_check()

    assert (told["healthy"], told["cause"]) == (False, "auth")
    assert "acme/main" in told["cure"]
    assert {"response_time", "timestamp"} <= told.keys()
