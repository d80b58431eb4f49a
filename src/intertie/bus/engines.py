"""Opens the adapter of an engine: a new adapter is a new line here."""

from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import Any

from intertie.bus.port import Bus
from intertie.errors import BusError
from intertie.suite.bus import QueueConfig, QueueType

# Module, the package it needs, and the extra that brings it.
_ADAPTERS = {
    QueueType.MEMORY: ("intertie.bus.memory", "", ""),
    QueueType.REDIS: ("intertie.bus.redis", "", ""),
    QueueType.RABBITMQ: ("intertie.bus.rabbitmq", "aiormq", "rabbitmq"),
    QueueType.KAFKA: ("intertie.bus.kafka", "aiokafka", "kafka"),
    QueueType.NATS: ("intertie.bus.nats", "nats", "nats"),
}


def open_bus(config: QueueConfig) -> AbstractAsyncContextManager[Bus]:
    """A connection to the broker. Raises BusError, BusUnavailableError on entry."""
    if config.queue_type is QueueType.EMBEDDED:
        raise BusError(
            "cannot connect to an embedded bus from outside its suite: its services find it in"
            " INTERTIE_BUS_URL; or use MEMORY, which lives in this process"
        )
    module, package, extra = _ADAPTERS[config.queue_type]
    try:
        adapter: Any = import_module(module)  # Any: each adapter has `open_bus`
    except ModuleNotFoundError as exc:
        if not package or (exc.name or "").partition(".")[0] != package:
            raise
        raise BusError(
            f"cannot use {config.queue_type}: {package} is not installed; it comes with"
            f" intertie[{extra}]"
        ) from exc
    bus: AbstractAsyncContextManager[Bus] = adapter.open_bus(config)
    return bus
