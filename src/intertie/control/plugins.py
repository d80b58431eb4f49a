"""The plugins of a running suite."""

from collections.abc import Sequence
from dataclasses import dataclass

from intertie.control.actor import Actor
from intertie.control.metrics import Plugins
from intertie.plugins.standing import PluginStatus


@dataclass(frozen=True, slots=True)
class PluginControl:
    """`plugins` is None in a suite without any."""

    plugins: Plugins | None

    def list(self, actor: Actor) -> Sequence[PluginStatus]:
        """Each with its state, hooks, cost and last error, in the order of calling."""
        actor.require_read()
        return self.plugins.status() if self.plugins else ()
