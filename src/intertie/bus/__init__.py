"""The message bus: one port, and an adapter for each engine.

    queue = MessageQueueIntegration(QueueConfig(QueueType.REDIS, host="localhost"))
    await queue.connect()
    await queue.subscribe("suite.service_started", handle)

Names are loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from intertie.bus.bridge import OrchestratorQueueBridge
    from intertie.bus.client import Client, connect
    from intertie.bus.engines import open_bus
    from intertie.bus.integration import MessageQueueIntegration
    from intertie.bus.outcome import Reject, Retry
    from intertie.bus.port import Bus, Capabilities, DeadLetter, Message, Subscription
    from intertie.bus.schemas import Schemas
    from intertie.bus.url import parse_url
    from intertie.suite.bus import QueueConfig, QueueType

_HOME = {
    "Bus": "intertie.bus.port",
    "Capabilities": "intertie.bus.port",
    "Client": "intertie.bus.client",
    "DeadLetter": "intertie.bus.port",
    "Message": "intertie.bus.port",
    "MessageQueueIntegration": "intertie.bus.integration",
    "OrchestratorQueueBridge": "intertie.bus.bridge",
    "QueueConfig": "intertie.suite.bus",
    "QueueType": "intertie.suite.bus",
    "Reject": "intertie.bus.outcome",
    "Retry": "intertie.bus.outcome",
    "Schemas": "intertie.bus.schemas",
    "Subscription": "intertie.bus.port",
    "connect": "intertie.bus.client",
    "open_bus": "intertie.bus.engines",
    "parse_url": "intertie.bus.url",
}

__all__ = [
    "Bus",
    "Capabilities",
    "Client",
    "DeadLetter",
    "Message",
    "MessageQueueIntegration",
    "OrchestratorQueueBridge",
    "QueueConfig",
    "QueueType",
    "Reject",
    "Retry",
    "Schemas",
    "Subscription",
    "connect",
    "open_bus",
    "parse_url",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'intertie.bus' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
