import pytest

from intertie.plugins import PluginBase, PluginInfo


def test_only_name_version_and_description_must_be_told() -> None:
    """Everything else has a default."""
    info = PluginInfo(name="x", version="1", description="does x")

    assert (info.author, tuple(info.hooks), tuple(info.requires)) == ("", (), ())


def test_a_plugin_must_say_who_it_is() -> None:
    """A class without get_info cannot be made."""

    class Silent(PluginBase):
        pass

    with pytest.raises(TypeError, match="get_info"):
        Silent()  # type: ignore[abstract] # what is tested
