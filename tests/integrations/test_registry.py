"""All connections of all tenants."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import pytest
from anyio import Event, create_task_group
from pydantic import ValidationError

from intertie.errors import ConflictError, IntertieError
from intertie.integrations.base import BaseIntegration
from intertie.integrations.config import IntegrationConfig, IntegrationStatus
from intertie.integrations.errors import InvalidError
from intertie.integrations.external_apis.spotify import SpotifyIntegration
from intertie.integrations.message import Request, Response
from intertie.integrations.registry import IntegrationRegistry
from tests.integrations.shop import CONFIG, TOKEN, Shop
from tests.integrations.stage import Stage, answer

pytestmark = pytest.mark.anyio


class Own(BaseIntegration):
    """Somebody's own connector."""

    told: Any = MappingProxyType({"healthy": True})
    opens = True
    closed = 0

    async def initialize(self) -> bool:
        """See BaseIntegration."""
        return self.opens

    async def health_check(self) -> Mapping[str, Any]:
        """See BaseIntegration."""
        if isinstance(self.told, Exception):
            raise self.told
        found: Mapping[str, Any] = self.told
        return found

    async def cleanup(self) -> None:
        """See BaseIntegration."""
        self.closed += 1


def own(stage: Stage, name: str = "own", **told: Any) -> Own:
    """One of these."""
    return stage.made(Own, name=name, **told)


def test_a_name_is_given_once() -> None:
    """And is free again when its connection is gone."""
    stage = Stage()
    made = own(stage)

    with pytest.raises(ConflictError, match="cannot register default/own: there is one already"):
        own(stage)
    assert list(stage.registry) == [made]


def test_what_cannot_be_registered_is_not_there() -> None:
    """Nor does its name block a better one."""
    stage = Stage()
    with pytest.raises(InvalidError):
        stage.made(Shop, config={})

    assert len(stage.registry) == 0
    stage.made(Shop, config=CONFIG)


def test_a_kind_may_be_a_word_of_the_catalog() -> None:
    """The nearest one is named when there is none."""
    registry = IntegrationRegistry(Stage().tools)
    told = IntegrationConfig(name="s", config={"client_id": "c", "client_secret": "s"})

    assert type(registry.register("spotify", told)) is SpotifyIntegration
    with pytest.raises(InvalidError, match="did you mean spotify"):
        registry.register("spotfy", IntegrationConfig(name="t"))


@pytest.mark.parametrize("name", ["", "a/b", "-a", "ä", "a" * 64, "a\n"])
def test_names_are_plain_and_faults_show_no_secrets(name: str) -> None:
    """A config that is wrong in one place does not print the rest of it."""
    for told in ({"name": name}, {"name": "a", "timeout_": 1}, {"name_": "a"}):
        with pytest.raises(ValidationError) as caught:
            IntegrationConfig.model_validate({**told, "config": CONFIG})
        assert TOKEN not in str(caught.value)


async def test_what_is_not_enabled_is_left_alone() -> None:
    """Neither opened nor looked at."""
    stage = Stage()
    off = stage.made(Shop, config=CONFIG, enabled=False)

    assert await stage.registry.enable_all() == {}
    assert await stage.registry.check_all() == {}
    assert off.status is IntegrationStatus.DISABLED
    assert stage.vendor.asked == []


@pytest.mark.parametrize(
    ("told", "status"),
    [
        ({"healthy": True}, IntegrationStatus.HEALTHY),
        ({"healthy": False, "error": "so"}, IntegrationStatus.UNHEALTHY),
        ({}, IntegrationStatus.UNHEALTHY),
        (None, IntegrationStatus.UNHEALTHY),
        ("fine", IntegrationStatus.UNHEALTHY),
        (RuntimeError("x"), IntegrationStatus.UNHEALTHY),
    ],
)
async def test_whatever_a_check_says_all_are_looked_at(
    told: Any, status: IntegrationStatus
) -> None:
    """One that says nonsense is not healthy, and stops nobody else's."""
    stage = Stage()
    strange, good = own(stage, "strange"), own(stage, "good")
    strange.told = told

    looked = await stage.registry.check_all()

    assert looked["default/good"]["healthy"]
    assert (strange.status, good.status) == (status, IntegrationStatus.HEALTHY)
    assert bool(strange.trouble) is (status is IntegrationStatus.UNHEALTHY)


async def test_a_connector_of_ours_that_bursts_is_not_healthy_any_more() -> None:
    """Though it was before."""
    stage = Stage()
    shop = stage.made(Shop, config=CONFIG)
    assert (await stage.registry.check_all())["default/main"]["healthy"]

    def burst(request: Request) -> Response:
        raise ZeroDivisionError

    stage.vendor.answers = burst
    health = await stage.registry.check(shop)

    assert health["error"] == "it raised ZeroDivisionError"
    assert shop.status is IntegrationStatus.UNHEALTHY


async def test_one_that_does_not_open_holds_up_no_other() -> None:
    """What it says stays with it."""
    stage = Stage()
    stage.vendor.answers = lambda request: answer({}, 401)
    shop, good, closed = stage.made(Shop, config=CONFIG), own(stage, "a"), own(stage, "b")
    closed.opens = False

    opened = await stage.registry.enable_all()

    assert opened == {"default/main": False, "default/a": True, "default/b": False}
    assert shop.status is closed.status is IntegrationStatus.UNHEALTHY
    assert good.status is IntegrationStatus.HEALTHY
    assert "does not take these credentials" in shop.trouble


async def test_all_are_looked_at_at_once() -> None:
    """Slow ones do not wait for each other."""
    stage, go = Stage(), Event()

    async def together(request: Request) -> Response:
        if len(stage.vendor.asked) == 20:
            go.set()
        await go.wait()
        return answer({})

    stage.vendor.answers = together
    for number in range(20):
        stage.made(Shop, name=f"n{number}", config=CONFIG)

    looked = await stage.registry.check_all()

    assert len(looked) == 20
    assert all(each["healthy"] for each in looked.values())


async def test_closing_closes_all_once_each_time() -> None:
    """Also while another one comes."""
    stage = Stage()
    first = own(stage, "first")

    class Late(Own):
        async def cleanup(self) -> None:
            own(stage, "late")

    stage.made(Late, name="second")
    await stage.registry.aclose()

    assert first.closed == 1
    assert stage.vendor.closed == 1


async def test_what_is_removed_is_closed() -> None:
    """And is found no more."""
    stage = Stage()
    made = own(stage)

    assert await stage.registry.remove("own")

    assert made.closed == 1
    assert stage.registry.get("own") is None
    assert not await stage.registry.remove("own")


async def test_a_connection_outside_of_a_registry_says_so() -> None:
    """It has neither a network nor counters."""
    shop = Shop(IntegrationConfig(name="x", config=CONFIG))

    with pytest.raises(IntertieError, match="register it first"):
        await shop.ping()


async def test_calls_under_way_survive_a_removal() -> None:
    """Who has the connection in hand gets the answer."""
    stage, asked, go = Stage(), Event(), Event()

    async def slow(request: Request) -> Response:
        asked.set()
        await go.wait()
        return answer({"id": "1"})

    stage.vendor.answers = slow
    shop = stage.made(Shop, config=CONFIG)
    found: list[str] = []

    async def one() -> None:
        found.append((await shop.item(id="1")).id)

    async with create_task_group() as group:
        group.start_soon(partial(one))
        await asked.wait()
        await stage.registry.remove("main")
        go.set()

    assert found == ["1"]
