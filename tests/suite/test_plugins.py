import pytest
from pydantic import ValidationError

from intertie.suite.plugins import Plugins


def test_every_key_has_a_default() -> None:
    """The folder beside the suite file, every plugin, 5 s, 512 MB, three failures."""
    section = Plugins()

    assert section.paths == ("plugins/",)
    assert (section.enabled, section.disabled) == (None, ())
    assert (section.hook_timeout, section.memory_limit) == (5.0, 512 * 1024**2)
    assert (section.max_failures, section.watch) == (3, True)


def test_values_are_read_as_everywhere_in_the_file() -> None:
    """Durations, sizes, one name or several, `all`."""
    section = Plugins.model_validate(
        {
            "paths": "mine",
            "enabled": "all",
            "disabled": "slack",
            "hook_timeout": "500ms",
            "memory_limit": "1g",
            "watch": "false",
        }
    )

    assert (section.paths, section.enabled, section.disabled) == (("mine",), None, ("slack",))
    assert (section.hook_timeout, section.memory_limit) == (0.5, 1024**3)
    assert not section.watch


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("path", "x"),
        ("paths", [""]),
        ("enabled", ["no name"]),
        ("hook_timeout", 0),
        ("memory_limit", "64MB"),
        ("max_failures", 0),
        ("config", {"slack": "text"}),
    ],
)
def test_what_cannot_be_is_a_fault(key: str, value: object) -> None:
    """At its own key."""
    with pytest.raises(ValidationError) as caught:
        Plugins.model_validate({key: value})
    assert caught.value.errors()[0]["loc"][0] == key


def test_what_plugins_are_told_is_not_shown() -> None:
    """It may hold secrets."""
    assert "hush" not in repr(Plugins(config={"x": {"token": "hush"}}))
