"""One broker for the tests of a module."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from intertie.suite.bus import QueueConfig
from tests.bus.peers.server import Broker

Make = Callable[[Path], AbstractAsyncContextManager[Broker]]


def shared(make: Make, folder: Path) -> Iterator[QueueConfig]:
    """For a fixture of module scope: the broker lives in an event loop of its own."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(make(folder)) as broker,
    ):
        yield broker.config
