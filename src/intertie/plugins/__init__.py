"""Plugins: a person's own code, called at seven moments of a suite's life.

Importing this loads what a plugin's author needs; the daemon's side is in `intertie.plugins.host`.
"""

from intertie.plugins.base import PluginBase, PluginInfo
from intertie.plugins.manager import PluginManager
from intertie.plugins.settings import PluginSettings

__all__ = ["PluginBase", "PluginInfo", "PluginManager", "PluginSettings"]
