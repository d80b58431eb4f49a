"""One subscription kept alive, with tries counted."""

from asyncio import CancelledError
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from anyio import Event, create_task_group, fail_after, sleep
from anyio.abc import TaskStatus

from intertie.bus.consumer import Consumer, Policy
from intertie.bus.memory import MemoryBus
from intertie.bus.outcome import Reject, Retry
from intertie.bus.port import DeadLetter, Message, Subscription, Take
from intertie.errors import BusError, BusUnavailableError
from intertie.testing.bus import message
from tests.waiting import eventually

pytestmark = pytest.mark.anyio

QUICK = Policy(max_tries=3, base_s=0.01)
GROUP = Subscription("a", "g")


@asynccontextmanager
async def running(
    bus: MemoryBus,
    handle: Callable[[Message], Awaitable[None]],
    *,
    subscription: Subscription = GROUP,
    concurrency: int = 1,
) -> AsyncIterator[Consumer]:
    """A consumer that runs while the block does."""
    consumer = Consumer(bus, subscription, handle, policy=QUICK, concurrency=concurrency)
    async with create_task_group() as group:
        await group.start(consumer.run)
        yield consumer
        group.cancel_scope.cancel()


async def one_letter(bus: MemoryBus) -> list[DeadLetter]:
    """The dead letters of the group, once there is one."""
    with fail_after(30):
        while True:
            if letters := await bus.dead_letters("g"):
                return list(letters)
            await sleep(0.005)


async def test_a_handler_that_returns_has_dealt_with_it() -> None:
    """Nothing is left over."""
    bus, seen = MemoryBus(), []

    async def handle(got: Message) -> None:
        seen.append(got.body)

    async with running(bus, handle) as consumer:
        await bus.publish(message("a", b"1"))
        await eventually(lambda: seen == [b"1"])
        assert consumer.connected
        assert (await bus.groups())[0].pending == 0


async def test_a_failing_message_is_buried_when_its_tries_are_used_up() -> None:
    """With what the handler said, and how often it was asked."""
    bus, tries = MemoryBus(), 0

    async def handle(_: Message) -> None:
        nonlocal tries
        tries += 1
        raise ValueError("no such asset")

    async with running(bus, handle):
        await bus.publish(message("a"))
        letters = await one_letter(bus)

    assert tries == 3
    assert letters[0].reason == "ValueError: no such asset (after 3 tries)"


async def test_a_message_that_recovers_is_not_buried() -> None:
    """A try that works is the last."""
    bus, tries, done = MemoryBus(), 0, Event()

    async def handle(_: Message) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise Retry(0.01)
        done.set()

    async with running(bus, handle):
        await bus.publish(message("a"))
        with fail_after(30):
            await done.wait()
        await eventually(lambda: tries == 3)
        assert await bus.dead_letters() == []


async def test_a_rejected_message_is_buried_at_once() -> None:
    """No further try can help."""
    bus, tries = MemoryBus(), 0

    async def handle(_: Message) -> None:
        nonlocal tries
        tries += 1
        raise Reject("not a video")

    async with running(bus, handle):
        await bus.publish(message("a"))
        letters = await one_letter(bus)

    assert (tries, letters[0].reason) == (1, "not a video")


async def test_keys_keep_their_order_side_by_side() -> None:
    """Handlers of different keys overlap, those of one key do not."""
    bus, running_now, most = MemoryBus(), 0, 0
    order: dict[str, list[bytes]] = {}

    async def handle(got: Message) -> None:
        nonlocal running_now, most
        running_now += 1
        most = max(most, running_now)
        await sleep(0.001)
        order.setdefault(got.key or "", []).append(got.body)
        running_now -= 1

    async with running(bus, handle, concurrency=4):
        for n in range(20):
            for key in "abcdefgh":
                await bus.publish(message("a", b"%d" % n, key=key))
        await eventually(lambda: sum(map(len, order.values())) == 160)

    assert 1 < most <= 4
    assert all(found == [b"%d" % n for n in range(20)] for found in order.values())


async def test_a_message_delivered_twice_is_handled_once() -> None:
    """An ack may get lost on its way."""
    seen: list[bytes] = []
    acked: list[bytes] = []

    class Twice:
        def __init__(self, got: Message) -> None:
            self.message, self.tries = got, 1

        async def ack(self) -> None:
            acked.append(self.message.body)

        async def retry(self, after_s: float) -> None: ...

        async def bury(self, reason: str) -> None: ...

    class Bus(MemoryBus):
        async def consume(
            self, subscription: Subscription, take: Take, *, task_status: TaskStatus[None]
        ) -> None:
            task_status.started()
            same = message("a", b"x")
            await take(Twice(same))
            await take(Twice(same))
            await sleep(60)

    async def handle(got: Message) -> None:
        seen.append(got.body)

    async with running(Bus(), handle):
        await eventually(lambda: len(acked) == 2)

    assert seen == [b"x"]


async def test_a_lost_broker_is_sought_again() -> None:
    """The consumer is not connected meanwhile, and says so."""
    began = 0
    consumer: Consumer

    class Bus(MemoryBus):
        async def consume(
            self, subscription: Subscription, take: Take, *, task_status: TaskStatus[None]
        ) -> None:
            nonlocal began
            began += 1
            task_status.started()
            if began < 3:
                raise BusUnavailableError("gone")
            await sleep(60)

    async def handle(_: Message) -> None: ...

    async with running(Bus(), handle) as consumer:
        await eventually(lambda: began == 3 and consumer.connected)


async def test_a_subscription_that_is_impossible_is_told() -> None:
    """Waiting would not help."""

    async def handle(_: Message) -> None: ...

    with pytest.raises(BusError, match="cannot subscribe"):
        await Consumer(MemoryBus(), Subscription("a b", "g"), handle).run()


def test_waits_grow_and_have_an_end() -> None:
    """Doubling, with a quarter of chance."""
    policy = Policy(base_s=1.0, cap_s=10.0)

    assert 0.75 <= policy.wait_s(1) <= 1.0
    assert 3.0 <= policy.wait_s(3) <= 4.0
    assert 7.5 <= policy.wait_s(50) <= 10.0


async def test_an_odd_reason_is_told_as_far_as_it_can_be() -> None:
    """A file's name may hold bytes that are no text, and an exception may not know what it says."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise TypeError("no words")

    class Counting(MemoryBus):
        buried = 0

        def bury(self, queue: Any, group: str, entry: Any, reason: str) -> None:
            self.buried += 1
            super().bury(queue, group, entry, reason)

    bus, reasons = Counting(), [Retry(0, "no file \udcff"), Reject("\udcff"), Mute()]

    async def handle(_: Message) -> None:
        raise reasons.pop()

    once = Policy(max_tries=1)
    letters: Sequence[DeadLetter] = []
    async with create_task_group() as group:
        await group.start(Consumer(bus, GROUP, handle, policy=once).run)
        for _ in range(3):
            await bus.publish(message("a"))
        await eventually(lambda: not reasons)
        await eventually(lambda: bus.buried == 3)
        letters = await bus.dead_letters("g")
        group.cancel_scope.cancel()

    told = [letter.reason for letter in letters]
    assert told[0].startswith("Mute: ")
    assert told[1:] == ["\\udcff", "no file \\udcff (after 1 tries)"]


@pytest.mark.parametrize("after_s", [float("inf"), float("nan"), -1.0, 1e300])
async def test_an_odd_wait_is_a_wait(after_s: float) -> None:
    """A handler's slip in saying when is no reason to end the subscription."""
    waits: list[float] = []

    class Strict:
        def __init__(self, got: Message) -> None:
            self.message, self.tries = got, 1

        async def ack(self) -> None: ...

        async def retry(self, after_s: float) -> None:
            waits.append(after_s)

        async def bury(self, reason: str) -> None: ...

    class Bus(MemoryBus):
        async def consume(
            self, subscription: Subscription, take: Take, *, task_status: TaskStatus[None]
        ) -> None:
            task_status.started()
            await take(Strict(message("a")))
            await sleep(60)

    async def handle(_: Message) -> None:
        raise Retry(after_s)

    async with running(Bus(), handle):
        await eventually(lambda: len(waits) == 1)

    assert 0 <= waits[0] < 1e9


async def test_a_handler_that_is_cancelled_from_within_has_failed() -> None:
    """Something it waited for was cancelled; its consumer was not."""
    bus, seen = MemoryBus(), list[bytes]()

    async def handle(got: Message) -> None:
        seen.append(got.body)
        if len(seen) == 1:
            raise CancelledError

    async with running(bus, handle):
        await bus.publish(message("a", b"1"))
        await eventually(lambda: seen == [b"1", b"1"])
        seen.append(b"the program goes on")

    assert seen[2:] == [b"the program goes on"]


async def test_a_message_the_broker_will_not_end_stops_no_other() -> None:
    """It is told in the log; its lease runs out."""
    seen: list[bytes] = []

    class Stuck:
        def __init__(self, got: Message) -> None:
            self.message, self.tries = got, 1

        async def ack(self) -> None:
            raise BusError("WRONGTYPE")

        async def retry(self, after_s: float) -> None: ...

        async def bury(self, reason: str) -> None: ...

    class Bus(MemoryBus):
        async def consume(
            self, subscription: Subscription, take: Take, *, task_status: TaskStatus[None]
        ) -> None:
            task_status.started()
            for body in (b"1", b"2"):
                await take(Stuck(message("a", body)))
            await sleep(60)

    async def handle(got: Message) -> None:
        seen.append(got.body)

    async with running(Bus(), handle):
        await eventually(lambda: seen == [b"1", b"2"])


async def test_a_long_handler_holds_up_nothing_without_a_key() -> None:
    """Messages without a key go to whoever is free, also when they came before it was."""
    bus, seen, release = MemoryBus(), list[bytes](), Event()

    async def handle(got: Message) -> None:
        if got.body == b"long":
            await release.wait()
        seen.append(got.body)

    async with running(bus, handle, concurrency=2):
        await bus.publish(message("a", b"long"))
        for n in range(6):
            await bus.publish(message("a", b"%d" % n))
        await eventually(lambda: len(seen) == 6)
        release.set()


async def test_events_of_two_topics_may_share_an_id() -> None:
    """An id is unique for who gave it, as a stream's entry is: elsewhere it is another event."""
    bus, seen = MemoryBus(), list[str]()

    async def handle(got: Message) -> None:
        seen.append(got.topic)

    async with running(bus, handle, subscription=Subscription("#", "g")):
        await bus.publish(Message("a", b"", "1"))
        await bus.publish(Message("b", b"", "1"))
        await eventually(lambda: seen == ["a", "b"])
