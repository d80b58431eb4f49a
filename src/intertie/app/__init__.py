"""The composition root: the one place that builds everything, and runs it.

Each name is loaded on first use: the door beside Envoy needs none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertie.app.asgi import app
    from intertie.app.orchestrator import Settings, SuiteOrchestrator, reap, serve

_HOME = {
    "Settings": "intertie.app.orchestrator",
    "SuiteOrchestrator": "intertie.app.orchestrator",
    "app": "intertie.app.asgi",
    "reap": "intertie.app.orchestrator",
    "serve": "intertie.app.orchestrator",
}

__all__ = ["Settings", "SuiteOrchestrator", "app", "reap", "serve"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'intertie.app' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
