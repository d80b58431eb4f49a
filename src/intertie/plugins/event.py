"""What the daemon publishes about plugins."""

from typing import ClassVar

from intertie.event import Payload


class PluginDisabled(Payload):
    """A plugin failed too often in a row and is not called until its file changes."""

    type: ClassVar[str] = "suite.plugin_disabled"
    plugin: str
    reason: str
    """The last failure."""
