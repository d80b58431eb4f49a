"""Typed messages, over the bus within this process."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest
from anyio import Event as Signal
from anyio import create_task_group, fail_after, sleep

from intertie.bus.outcome import Retry
from intertie.bus.port import Subscription
from intertie.errors import BusError, BusUnavailableError
from intertie.event import Event, Payload
from intertie.runtime.ports import Ports
from intertie.service.drain import Drain
from intertie.service.environment import read_environment
from intertie.service.messages import Handler, Messages, Subscribed, subscribed
from intertie.service.metrics import Metrics
from intertie.service.trace import Tracing, current
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


class OrderPlaced(Payload):
    type: ClassVar[str] = "order.placed"
    id: int


class Kit:
    """A service's side of the bus."""

    def __init__(self, url: str = "memory://") -> None:
        self.drain = Drain()
        self.metrics = Metrics()
        self.tracing = Tracing(read_environment("orders", {}))
        self.messages = Messages(
            url, "intertie/orders", drain=self.drain, tracing=self.tracing, metrics=self.metrics
        )

    @asynccontextmanager
    async def running(self, *handlers: Subscribed) -> AsyncIterator[Messages]:
        """Connected, with these handlers."""
        async with create_task_group() as group:
            group.start_soon(self.messages.run, list(handlers))
            with fail_after(5):
                while True:
                    try:
                        await self.messages.probe()
                        break
                    except BusError:
                        await sleep(0.002)
            yield self.messages
            group.cancel_scope.cancel()

    async def place(self, id: int = 1) -> Event:
        """Publish an order."""
        return await self.messages.publish(
            OrderPlaced(id=id), "order", key=None, priority="normal", topic=""
        )

    def shown(self) -> str:
        """The metrics."""
        return self.metrics.render("")[0].decode()


def mailer(handler: Handler, *, concurrency: int = 1) -> Subscribed:
    """A handler of orders in a group."""
    wanted = Subscription("order.placed", "mailer")
    return subscribed(OrderPlaced, handler, concurrency=concurrency, subscription=wanted)


async def test_a_handler_gets_the_model_and_the_event() -> None:
    """The second one when it has a parameter for it."""
    kit = Kit()
    got: list[object] = []

    async def short(order: OrderPlaced) -> None:
        got.append(order)

    async def long(order: OrderPlaced, event: Event) -> None:
        got.append((order, event.id))

    other = subscribed(
        OrderPlaced, long, concurrency=1, subscription=Subscription("order.*", "audit")
    )
    async with kit.running(mailer(short), other):
        sent = await kit.place(7)
        await eventually(lambda: len(got) == 2)

    assert OrderPlaced(id=7) in got
    assert (OrderPlaced(id=7), sent.id) in got
    assert sent.source == "intertie/orders"


async def test_the_trace_goes_from_the_sender_to_the_handler() -> None:
    """By the event's traceparent."""
    kit, got = Kit(), []

    async def handle(_: OrderPlaced) -> None:
        trace = current.get()
        assert trace is not None
        got.append(trace)

    async with kit.running(mailer(handle)):
        with kit.tracing.within(kit.tracing.begin(), "request", "SERVER", {}) as request:
            await kit.place()
        await eventually(lambda: bool(got))

    assert got[0].trace_id == request.trace_id
    assert got[0].parent not in {0, request.span_id}


async def test_a_handler_may_ask_for_another_try() -> None:
    """With Retry; both tries are counted."""
    kit, tries = Kit(), []

    async def handle(_: OrderPlaced) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise Retry(0.001)

    async with kit.running(mailer(handle)):
        await kit.place()
        await eventually(lambda: len(tries) == 2 and not kit.drain.under_way)

    assert 'messages_handled_total{outcome="retried",topic="order.placed"} 1.0' in kit.shown()
    assert 'messages_handled_total{outcome="done",topic="order.placed"} 1.0' in kit.shown()
    assert 'messages_published_total{topic="order.placed"} 1.0' in kit.shown()


async def test_what_is_no_such_payload_does_not_reach_the_handler() -> None:
    """The next one does."""
    kit, got = Kit(), []

    class Other(Payload):
        type: ClassVar[str] = "order.placed"
        number: str

    async def handle(order: OrderPlaced) -> None:
        got.append(order.id)

    async with kit.running(mailer(handle)):
        await kit.messages.publish(
            Other(number="x"), "order", key=None, priority="normal", topic=""
        )
        await kit.place(2)
        await eventually(lambda: bool(got))

    assert got == [2]


async def test_after_a_stop_nothing_is_begun_and_what_is_under_way_ends() -> None:
    """Its ack, too."""
    kit, began, go, done = Kit(), [], Signal(), []

    async def handle(order: OrderPlaced) -> None:
        began.append(order.id)
        await go.wait()
        done.append(order.id)

    async with kit.running(mailer(handle, concurrency=2)):
        for id in range(6):
            await kit.place(id)
        await eventually(lambda: len(began) == 2)
        kit.drain.begin()
        go.set()
        with fail_after(5):
            await kit.drain.idle()

        assert sorted(done) == sorted(began)
        assert len(began) == 2


async def test_a_broker_that_is_away_is_told() -> None:
    """It is no reason not to start; a publish fails after its time."""
    port = Ports().take("broker")
    kit = Kit(f"redis://127.0.0.1:{port}/0?max_tries=1")
    async with create_task_group() as group:
        group.start_soon(kit.messages.run, [])
        with pytest.raises(BusUnavailableError):
            await kit.messages.probe()
        group.cancel_scope.cancel()


def test_a_handler_that_takes_nothing_is_refused() -> None:
    """When it is declared, not when the first message comes."""

    async def handle() -> None: ...

    with pytest.raises(TypeError, match="expected parameters"):
        mailer(handle)
