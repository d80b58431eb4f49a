"""The composition root: the one place that builds everything, and runs it."""

from typing import TYPE_CHECKING, Any

from intertie.app.orchestrator import Settings, SuiteOrchestrator, reap, serve

if TYPE_CHECKING:
    from intertie.app.asgi import app

__all__ = ["Settings", "SuiteOrchestrator", "app", "reap", "serve"]


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module 'intertie.app' has no attribute {name!r}")
    from intertie.app.asgi import app

    return app
