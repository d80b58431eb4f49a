"""What the author of a plugin writes: a class that derives from PluginBase."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True)
class PluginInfo:
    """What a plugin says of itself."""

    name: str
    """Letters, digits, `_`, `-` and `.`; also its key in the suite file's `plugins.config`."""
    version: str
    description: str
    author: str = ""
    hooks: Sequence[str] = ()
    """The hooks to call, with or without `on_`; empty means each one the class defines."""
    after: Sequence[str] = ()
    """Plugins to be called before this one, where they are loaded."""
    before: Sequence[str] = ()
    """Plugins to be called after this one, where they are loaded."""
    requires: Sequence[str] = ()
    """Plugins without which this one is not loaded; they are called before it."""


class PluginBase(ABC):
    """Base of all plugins. Each is made once, without arguments.

    It defines no hooks: those a plugin has, sync or async, are the ones its class defines.
    """

    config_model: ClassVar["type[BaseModel] | None"] = None
    """Checks the plugin's settings; without it they are a plain dict."""

    config: Any = None  # the plugin's own model, or a dict of what the suite file holds
    """The plugin's settings: set before the first hook is called, not yet there in `__init__`."""

    @abstractmethod
    def get_info(self) -> PluginInfo:
        """Who this plugin is and what it wants to be called for; asked once."""
