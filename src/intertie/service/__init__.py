"""The kit that a service imports: logs, metrics, health, traces, messages and a graceful end.

The names below are loaded on first use, so `from intertie.service import Service` is quick.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertie.bus.outcome import Reject, Retry
    from intertie.event import Event, Payload
    from intertie.service.kit import Service
    from intertie.service.stream import EventStream, ServerEvent

_HOME = {
    "Event": "intertie.event",
    "EventStream": "intertie.service.stream",
    "Payload": "intertie.event",
    "Reject": "intertie.bus.outcome",
    "Retry": "intertie.bus.outcome",
    "ServerEvent": "intertie.service.stream",
    "Service": "intertie.service.kit",
}

__all__ = [
    "Event",
    "EventStream",
    "Payload",
    "Reject",
    "Retry",
    "ServerEvent",
    "Service",
]


def __getattr__(name: str) -> Any:  # Any: whatever the module holds under that name
    if name not in _HOME:
        raise AttributeError(f"module 'intertie.service' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
