"""The composition root: the one place that builds everything, and runs it."""

from intertie.app.orchestrator import Settings, SuiteOrchestrator, reap, serve

__all__ = ["Settings", "SuiteOrchestrator", "reap", "serve"]
