"""The use cases, each once. Every way in authenticates, translates and calls these.

The names below are public. Each is loaded on first use: the daemon needs none of them to start.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertie.control.api_manager import APIManager
    from intertie.control.automation_manager import AutomationManager
    from intertie.control.integration import ServiceIntegrationManager

_HOME = {
    "APIManager": "intertie.control.api_manager",
    "AutomationManager": "intertie.control.automation_manager",
    "ServiceIntegrationManager": "intertie.control.integration",
}

__all__ = ["APIManager", "AutomationManager", "ServiceIntegrationManager"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'intertie.control' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
