"""Intertie runs your services as one system.

The names below are the public face. Each is loaded on first use, so `import intertie` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertie.app import Settings, SuiteOrchestrator
    from intertie.errors import Fault, IntertieError, SuiteError
    from intertie.event import Event
    from intertie.plan import Plan, Snapshot
    from intertie.suite import Loaded, Suite, load

_HOME = {
    "Event": "intertie.event",
    "Fault": "intertie.errors",
    "IntertieError": "intertie.errors",
    "Loaded": "intertie.suite",
    "Plan": "intertie.plan",
    "Settings": "intertie.app",
    "Snapshot": "intertie.plan",
    "Suite": "intertie.suite",
    "SuiteError": "intertie.errors",
    "SuiteOrchestrator": "intertie.app",
    "load": "intertie.suite",
}

__all__ = [
    "Event",
    "Fault",
    "IntertieError",
    "Loaded",
    "Plan",
    "Settings",
    "Snapshot",
    "Suite",
    "SuiteError",
    "SuiteOrchestrator",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'intertie' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
