# ruff: noqa: D102 — the hooks of made-up plugins
import pytest

from intertie.plugins import PluginBase, PluginInfo
from intertie.plugins.fault import FaultyError
from intertie.plugins.hooks import HOOKS, hooks_of, unused_hooks


class Base(PluginBase):
    def get_info(self) -> PluginInfo:
        return PluginInfo(name="x", version="1", description="")


class Good(Base):
    def on_service_start(self, service_name: str, _pid: int) -> None: ...
    async def on_shutdown(self) -> None: ...


def test_hooks_are_named_with_or_without_on() -> None:
    """Both are the same hook."""
    assert list(hooks_of(Good(), ["service_start", "on_shutdown"])) == [
        "on_service_start",
        "on_shutdown",
    ]


def test_no_names_means_all_that_are_defined() -> None:
    """And those that are defined and not named are told of."""
    assert list(hooks_of(Good(), [])) == ["on_service_start", "on_shutdown"]
    assert unused_hooks(Good(), ["shutdown"]) == {"on_service_start"}


def test_a_name_that_is_no_hook_is_refused() -> None:
    """With the nearest one that is."""
    with pytest.raises(FaultyError, match="service_started") as caught:
        hooks_of(Good(), ["service_started"])
    assert "on_service_start" in caught.value.hint


def test_a_hook_that_is_named_must_be_defined() -> None:
    """The line is the class's."""
    with pytest.raises(FaultyError, match="on_health_check") as caught:
        hooks_of(Good(), ["health_check"])
    assert caught.value.line > 0


class Renamed(Base):
    def on_service_start(self, service_name: str, process: int) -> None: ...


class Short(Base):
    def on_service_start(self, service_name: str) -> None: ...


class Long(Base):
    def on_service_start(self, service_name: str, pid: int, more: int) -> None: ...


class Named(Base):
    def on_service_start(self, service_name: str, pid: int, *, more: int) -> None: ...


@pytest.mark.parametrize(
    ("plugin", "fault"),
    [
        (Renamed(), "parameter `process` should be `pid`"),
        (Short(), "parameter `pid` is missing"),
        (Long(), "nothing is given for parameter `more`"),
        (Named(), "nothing is given for parameter `more`"),
    ],
)
def test_other_parameters_than_the_hooks_are_refused(plugin: PluginBase, fault: str) -> None:
    """The message names the parameter, the hint how it should be."""
    with pytest.raises(FaultyError, match=fault) as caught:
        hooks_of(plugin, ["service_start"])
    assert caught.value.hint == "expected on_service_start(self, service_name, pid)"
    assert caught.value.line > 0


class Rest(Base):
    def on_service_start(self, *args: object) -> None: ...
    def on_shutdown(self, more: int = 1) -> None: ...


def test_parameters_that_take_what_is_given_are_fine() -> None:
    """The rest, and such with a default."""
    assert len(hooks_of(Rest(), [])) == 2


def test_there_are_seven() -> None:
    """No more and no fewer than the guide has."""
    assert len(HOOKS) == 7
