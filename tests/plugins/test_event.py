from intertie.plugins.event import PluginDisabled


def test_the_event_says_which_plugin_and_why() -> None:
    """Under its type of the public contract."""
    assert PluginDisabled.type == "suite.plugin_disabled"
    assert PluginDisabled(plugin="p", reason="r").model_dump() == {"plugin": "p", "reason": "r"}
