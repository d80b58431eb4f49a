"""The engines, how the broker of each is started, and who competes on it."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.bus.work import Contestant
from intertie.suite.bus import QueueConfig
from tests.bus.peers.server import Broker

BASELINE = "raw"
NAMES = (BASELINE, "raw, ack each", "faststream", "port", "client")
_OURS = {"port": "benchmarks.bus.ours:port", "client": "benchmarks.bus.ours:client"}


@dataclass(frozen=True, slots=True)
class Engine:
    """Where to find things, as `module:function`: not all of their libraries need be there."""

    broker: str
    contestants: Mapping[str, str]
    times: int = 1
    """How many times as many messages: a client that fetches thousands at once would otherwise be
    done before its time is taken."""
    tells_at_once: bool = True
    """Tansu looks for new messages every 250 ms: a message waits so long or not at all, depending
    on whether the client's question or the message came first. That says nothing of the client."""

    def start(self, folder: Path) -> AbstractAsyncContextManager[Broker]:
        """The real broker."""
        running: AbstractAsyncContextManager[Broker] = found(self.broker)(folder)
        return running

    def connect(
        self, contestant: str, config: QueueConfig
    ) -> AbstractAsyncContextManager[Contestant]:
        """To the broker of `config`."""
        connected: AbstractAsyncContextManager[Contestant] = found(self.contestants[contestant])(
            config
        )
        return connected


def found(where: str) -> Callable[..., Any]:  # Any: callers know what they asked for
    """What `module:function` names. Raises ImportError when something it needs is not there."""
    module, _, name = where.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


def _contestants(kind: str) -> dict[str, str]:
    return {
        BASELINE: f"benchmarks.bus.raw_{kind}:client",
        "faststream": f"benchmarks.bus.rival_faststream:on_{kind}",
        **_OURS,
    }


_ACK_EACH = {"raw, ack each": "benchmarks.bus.raw_redis:client_acking_each"}

ENGINES: Mapping[str, Engine] = {
    "valkey": Engine("tests.bus.peers.valkey:valkey", _contestants("redis") | _ACK_EACH),
    "rabbitmq": Engine("tests.bus.peers.rabbitmq:rabbitmq", _contestants("rabbitmq")),
    "kafka": Engine(
        "tests.bus.peers.kafka:kafka", _contestants("kafka"), times=5, tells_at_once=False
    ),
    "nats": Engine("tests.bus.peers.nats:nats", _contestants("nats")),
}
