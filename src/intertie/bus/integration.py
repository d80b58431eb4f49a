"""MessageQueueIntegration: the bus for a program of one's own, in four calls."""

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Self

from anyio import to_thread

from intertie.bus.background import Background
from intertie.bus.client import Client, connect
from intertie.bus.port import Priority, Subscription
from intertie.errors import BusError
from intertie.event import Event, Payload
from intertie.suite.bus import QueueConfig

# What a subscriber is called with: the event's data, and the event itself if it takes two.
Handler = Callable[..., Awaitable[None] | None]


class MessageQueueIntegration:
    """`connect`, then `publish` and `subscribe`, then `close`; or as `async with`.

    Lives in the event loop that called `connect`.
    """

    def __init__(self, config: QueueConfig, *, source: str = "intertie/client") -> None:
        self.config = config
        self._source = source
        self._background = Background()
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        """The connected client. Raises BusError before `connect`."""
        if self._client is None:
            raise BusError("cannot use the bus: call connect() first")
        return self._client

    async def connect(self) -> None:
        """Reach the broker; once connected it does nothing.

        Raises BusUnavailableError, or BusError for a refused login.
        """
        if self._background.is_open:
            return

        async def enter(stack: AsyncExitStack) -> Client:
            return await stack.enter_async_context(connect(self.config, source=self._source))

        self._client = await self._background.open(enter)

    async def publish(
        self,
        topic: str,
        data: Mapping[str, object] | Payload,
        *,
        subject: str = "",
        key: str | None = None,
        priority: Priority = "normal",
    ) -> Event:
        """Publish, and return once the broker keeps it; the event as sent. See Client.publish."""
        self._background.check()
        return await self.client.publish(data, subject, topic=topic, key=key, priority=priority)

    async def subscribe(
        self, topic: str, handler: Handler, *, group: str | None = None, concurrency: int = 1
    ) -> None:
        """Call `handler` with the data of each event of the topic (or pattern) from now on.

        Returns once nothing published from then on is missed. With a `group`, its members share the
        events, and it keeps its place while nobody listens. A handler may be a plain function,
        which runs in a thread; one with two parameters also gets the event. What it raises is
        dealt with as `Consumer` says.
        """
        handle = _adapt(handler)
        subscription = Subscription(topic, group)
        consumer = self.client.consumer(subscription, handle, concurrency=concurrency)
        await self._background.start(consumer.run, name=f"subscription of {topic}")

    async def close(self) -> None:
        """End the subscriptions and the connection. Raises what ended them before, if anything."""
        self._client = None
        await self._background.close()

    async def run(self, component: Callable[..., Coroutine[Any, Any, None]]) -> None:
        """Have something else live as long as this connection."""
        await self._background.start(component)

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _adapt(handler: Handler) -> Callable[[Event], Awaitable[None]]:
    wants_event = len(_positional(handler)) > 1
    is_async = inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
        getattr(handler, "__call__", None)  # noqa: B004 - is its call a coroutine function?
    )

    async def handle(event: Event) -> None:
        args = (event.data, event) if wants_event else (event.data,)
        if is_async:
            found: Any = handler(*args)  # Any: known to be awaitable
            await found
        else:
            await to_thread.run_sync(partial(handler, *args))

    return handle


def _positional(handler: Handler) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = inspect.signature(handler).parameters.values()
    return [each for each in found if each.kind in kinds and each.default is each.empty]
