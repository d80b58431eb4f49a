"""BusContract: what every adapter of the bus promises, tried on a real broker.

    class TestRedis(BusContract):
        @pytest.fixture
        def config(self) -> QueueConfig: ...        # where the broker is

Each test takes an exchange of its own, so that all may share one broker.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from anyio import (
    create_memory_object_stream,
    create_task_group,
    current_time,
    fail_after,
    move_on_after,
    sleep,
)
from anyio.streams.memory import MemoryObjectReceiveStream

from intertie.bus.engines import open_bus
from intertie.bus.port import (
    MAX_BODY_BYTES,
    PRIORITIES,
    Bus,
    Delivery,
    GroupStatus,
    Message,
    Priority,
    Subscription,
)
from intertie.errors import BusError, BusUnavailableError
from intertie.suite.bus import QueueConfig

WITHIN_S = 30.0
QUIET_S = 0.25
"""How long nothing must come for a test to believe that nothing comes."""
LEASE_S = 1.0


def message(
    topic: str, body: bytes = b"{}", *, key: str | None = None, priority: Priority = "normal"
) -> Message:
    """With an id of its own."""
    return Message(topic, body, uuid4().hex, key, priority)


class Inbox:
    """What one consumer was handed, in order."""

    def __init__(self, stream: MemoryObjectReceiveStream[Delivery]) -> None:
        self._stream = stream

    async def next(self) -> Delivery:
        """The next one; it is up to the test to end it."""
        with fail_after(WITHIN_S):
            return await self._stream.receive()

    async def bodies(self, count: int) -> list[bytes]:
        """Of the next ones, each acked."""
        found = []
        for _ in range(count):
            delivery = await self.next()
            await delivery.ack()
            found.append(delivery.message.body)
        return found

    async def is_quiet(self, for_s: float = QUIET_S) -> bool:
        """Whether nothing comes."""
        with move_on_after(for_s) as scope:
            await self._stream.receive()
        return scope.cancelled_caught


@asynccontextmanager
async def consuming(bus: Bus, subscription: Subscription) -> AsyncIterator[Inbox]:
    """A consumer that runs while the block does."""
    send, receive = create_memory_object_stream[Delivery](10_000)
    async with create_task_group() as group:

        async def consume(*, task_status: object) -> None:
            await bus.consume(subscription, send.send, task_status=task_status)  # type: ignore[arg-type]

        with fail_after(WITHIN_S):
            await group.start(consume)
        with send, receive:
            yield Inbox(receive)
            group.cancel_scope.cancel()


class BusContract:
    """Inherit, and give the fixture `config`."""

    pytestmark = pytest.mark.anyio

    @asynccontextmanager
    async def bus(self, config: QueueConfig) -> AsyncIterator[Bus]:
        """A connection, on an exchange of its own."""
        async with open_bus(replace(config, exchange=f"x{uuid4().hex[:10]}")) as bus:
            yield bus

    async def test_a_message_arrives_as_it_was_sent(self, config: QueueConfig) -> None:
        """Topic, id, key and every byte; first delivery is try 1."""
        async with self.bus(config) as bus, consuming(bus, Subscription("a.b", "g")) as inbox:
            sent = message("a.b", bytes(range(256)), key="k\u00e4y \x01")
            await bus.publish(sent)
            got = await inbox.next()
            await got.ack()

            assert got.message == sent
            assert got.tries == 1
            assert await inbox.is_quiet()

    async def test_the_largest_body_arrives(self, config: QueueConfig) -> None:
        """MAX_BODY_BYTES is what every engine takes at its defaults."""
        async with self.bus(config) as bus, consuming(bus, Subscription("a", "g")) as inbox:
            await bus.publish(message("a", b"\xff" * MAX_BODY_BYTES))

            assert len((await inbox.bodies(1))[0]) == MAX_BODY_BYTES

    async def test_groups_get_all_and_members_share(self, config: QueueConfig) -> None:
        """Each message goes to each group once, to one of its members."""
        sent = [b"%d" % n for n in range(40)]
        async with (
            self.bus(config) as bus,
            consuming(bus, Subscription("a", "one", prefetch=4)) as first,
            consuming(bus, Subscription("a", "one", prefetch=4)) as second,
            consuming(bus, Subscription("a", "two")) as other,
        ):
            for body in sent:
                await bus.publish(message("a", body, key=body.decode()))
            shared = await _drain((first, second), len(sent))

            assert sorted(shared) == sorted(sent)
            assert sorted(await other.bodies(len(sent))) == sorted(sent)

    async def test_messages_of_a_key_keep_their_order(self, config: QueueConfig) -> None:
        """For one consumer, however many wait."""
        sent = [b"%d" % n for n in range(100)]
        async with self.bus(config) as bus, consuming(bus, Subscription("a", "g")) as inbox:
            for body in sent:
                await bus.publish(message("a", body, key="same"))

            assert await inbox.bodies(len(sent)) == sent

    async def test_a_retried_message_comes_again_not_too_soon(self, config: QueueConfig) -> None:
        """To this group only, as the next try, unchanged."""
        async with (
            self.bus(config) as bus,
            consuming(bus, Subscription("a", "g")) as inbox,
            consuming(bus, Subscription("a", "other")) as other,
        ):
            sent = message("a", b"x", key="k")
            await bus.publish(sent)
            began = current_time()
            await (await inbox.next()).retry(0.5)
            again = await inbox.next()

            assert current_time() - began >= 0.45
            assert (again.message, again.tries) == (sent, 2)
            await again.retry(0.0)
            third = await inbox.next()
            assert (third.message, third.tries) == (sent, 3)
            await third.ack()
            assert await other.bodies(1) == [b"x"]
            assert await other.is_quiet()
            assert await inbox.is_quiet()

    async def test_a_waiting_retry_holds_nothing_up(self, config: QueueConfig) -> None:
        """Other messages pass it."""
        async with self.bus(config) as bus, consuming(bus, Subscription("a", "g")) as inbox:
            await bus.publish(message("a", b"late", key="1"))
            await (await inbox.next()).retry(3.0)
            await bus.publish(message("a", b"soon", key="2"))

            assert await inbox.bodies(1) == [b"soon"]
            assert await inbox.bodies(1) == [b"late"]

    async def test_a_buried_message_is_kept_until_somebody_decides(
        self, config: QueueConfig
    ) -> None:
        """Listed with its reason, delivered again only when replayed, gone when dropped."""
        async with (
            self.bus(config) as bus,
            consuming(bus, Subscription("a.*", "g")) as inbox,
            consuming(bus, Subscription("a.*", "other")) as other,
        ):
            sent = [message("a.b", b"1", key="k"), message("a.c", b"2")]
            for each in sent:
                await bus.publish(each)
                await (await inbox.next()).bury("broken: \u00fcber")
            await other.bodies(2)
            letters = await bus.dead_letters("g")

            assert [letter.message for letter in letters] == sent
            assert {(letter.group, letter.reason, letter.tries) for letter in letters} == {
                ("g", "broken: \u00fcber", 1)
            }
            assert await bus.dead_letters("other") == []
            assert len(await bus.dead_letters(limit=1)) == 1
            assert await bus.replay("g", letters[0].id)
            again = await inbox.next()
            assert (again.message, again.tries) == (sent[0], 1)
            await again.ack()
            assert await bus.drop("g", letters[1].id)
            assert await bus.dead_letters() == []
            assert not await bus.drop("g", letters[1].id)
            assert not await bus.replay("g", "no-such")
            assert await other.is_quiet()

    async def test_what_a_consumer_left_in_hand_comes_again(self, config: QueueConfig) -> None:
        """Nothing is lost when it ends before its messages do."""
        subscription = Subscription("a", "g", lease_s=LEASE_S)
        async with self.bus(config) as bus:
            async with consuming(bus, subscription) as inbox:
                for body in (b"1", b"2", b"3"):
                    await bus.publish(message("a", body, key=body.decode()))
                for _ in range(3):
                    delivery = await inbox.next()
                    if delivery.message.body == b"2":
                        await delivery.ack()
            async with consuming(bus, subscription) as inbox:
                assert sorted(await inbox.bodies(2)) == [b"1", b"3"]
                assert await inbox.is_quiet()

    async def test_a_slow_handler_keeps_its_message(self, config: QueueConfig) -> None:
        """While the consumer lives nobody else gets it, though the lease is shorter."""
        subscription = Subscription("a", "g", lease_s=LEASE_S)
        async with (
            self.bus(config) as bus,
            consuming(bus, subscription) as first,
            consuming(bus, subscription) as second,
        ):
            await bus.publish(message("a", b"slow"))
            holder, held = await _whoever(first, second)
            other = second if holder is first else first

            assert await other.is_quiet(for_s=2.5 * LEASE_S)
            await held.ack()
            assert await other.is_quiet(for_s=1.5 * LEASE_S)
            assert await holder.is_quiet()

    async def test_no_more_than_prefetch_are_in_hand(self, config: QueueConfig) -> None:
        """The next comes when one is dealt with."""
        async with (
            self.bus(config) as bus,
            consuming(bus, Subscription("a", "g", prefetch=2)) as inbox,
        ):
            for n in range(5):
                await bus.publish(message("a", b"%d" % n, key="k"))
            first, second = await inbox.next(), await inbox.next()

            assert await inbox.is_quiet()
            await first.ack()
            third = await inbox.next()
            assert await inbox.is_quiet()
            for each in (second, third):
                await each.ack()
            assert len(await inbox.bodies(2)) == 2

    async def test_patterns_choose_by_words(self, config: QueueConfig) -> None:
        """* is one word, # the rest, also topics nobody knew when the subscription began."""
        topics = ("a", "a.b", "a.b.c", "a.x", "z.b")
        wanted = {"a.*": ["a.b", "a.x"], "a.#": ["a", "a.b", "a.b.c", "a.x"], "*.b": ["a.b", "z.b"]}
        async with self.bus(config) as bus:
            await bus.publish(message("a.b", b"before"))
            for pattern, expected in wanted.items():
                async with consuming(bus, Subscription(pattern, f"g{uuid4().hex[:6]}")) as inbox:
                    for topic in topics:
                        await bus.publish(message(topic, topic.encode()))
                    got = await inbox.bodies(len(expected))

                    assert sorted(got) == sorted(topic.encode() for topic in expected), pattern
                    assert await inbox.is_quiet()

    async def test_a_topic_born_later_is_found(self, config: QueueConfig) -> None:
        """Its first message is not missed, with a group and without."""
        async with (
            self.bus(config) as bus,
            consuming(bus, Subscription("new.*", "g")) as inbox,
            consuming(bus, Subscription("new.*")) as listener,
        ):
            await bus.publish(message("new.born", b"first"))

            assert await inbox.bodies(1) == [b"first"]
            assert await listener.bodies(1) == [b"first"]

    async def test_a_group_goes_on_where_it_was(self, config: QueueConfig) -> None:
        """What came while nobody was there is not missed, and what was acked not repeated."""
        async with self.bus(config) as bus:
            async with consuming(bus, Subscription("a", "g")) as inbox:
                await bus.publish(message("a", b"1"))
                await inbox.bodies(1)
            await bus.publish(message("a", b"2"))
            async with consuming(bus, Subscription("a", "g")) as inbox:
                assert await inbox.bodies(1) == [b"2"]
                assert await inbox.is_quiet()

    async def test_without_a_group_everybody_gets_all_from_now_on(
        self, config: QueueConfig
    ) -> None:
        """Nothing from before, nothing kept."""
        async with self.bus(config) as bus:
            await bus.publish(message("a", b"before"))
            async with (
                consuming(bus, Subscription("a")) as first,
                consuming(bus, Subscription("a")) as second,
            ):
                await bus.publish(message("a", b"now"))

                assert await first.bodies(1) == [b"now"]
                assert await second.bodies(1) == [b"now"]

    async def test_high_comes_before_normal_before_low(self, config: QueueConfig) -> None:
        """Among those that wait."""
        async with self.bus(config) as bus:
            if not bus.capabilities.priorities:
                pytest.skip("this engine has no priorities, and says so")
            subscription = Subscription("a", "g", prefetch=1)
            async with consuming(bus, subscription) as inbox:
                await bus.publish(message("a", b"first"))
                held = await inbox.next()
                for priority in reversed(PRIORITIES):
                    for n in range(2):
                        body = f"{priority}{n}".encode()
                        await bus.publish(message("a", body, priority=priority))
                await held.ack()
                got = await inbox.bodies(6)

            assert got == [b"high0", b"high1", b"normal0", b"normal1", b"low0", b"low1"]

    async def test_one_id_is_one_message(self, config: QueueConfig) -> None:
        """A publish that was repeated, its answer being lost, is delivered once."""
        async with self.bus(config) as bus, consuming(bus, Subscription("a", "g")) as inbox:
            if not bus.capabilities.deduplicates:
                pytest.skip("this engine delivers both, and says so")
            sent = message("a", b"once")
            await bus.publish(sent)
            await bus.publish(sent)

            assert await inbox.bodies(1) == [b"once"]
            assert await inbox.is_quiet()

    async def test_groups_tell_how_far_they_are(self, config: QueueConfig) -> None:
        """Waiting, in hand, and buried."""
        subscription = Subscription("a", "g", prefetch=2)
        async with self.bus(config) as bus, consuming(bus, subscription) as inbox:
            for n in range(5):
                await bus.publish(message("a", b"%d" % n, key="k"))
            first, _ = await inbox.next(), await inbox.next()
            await first.bury("no use")
            await inbox.next()
            status = await _status(bus, lambda found: found.dead == 1 and found.pending == 2)

            assert (status.group, status.pattern) == ("g", "a")
            if bus.capabilities.counts_lag:
                assert status.lag == 2

    @pytest.mark.parametrize("topic", ["", "a b", "a..b", "a.*", ".a", "a\n", "x" * 300])
    async def test_a_topic_that_is_none_is_refused(self, config: QueueConfig, topic: str) -> None:
        """With what one looks like."""
        async with self.bus(config) as bus:
            with pytest.raises(BusError, match="cannot use topic"):
                await bus.publish(message(topic))

    @pytest.mark.parametrize(("pattern", "group"), [("a.#.b", "g"), ("a**", "g"), ("a", "g g")])
    async def test_a_subscription_that_is_none_is_refused(
        self, config: QueueConfig, pattern: str, group: str
    ) -> None:
        """Before anything is asked of the broker."""
        async with self.bus(config) as bus, create_task_group() as tasks:
            with pytest.raises(BusError, match=r"cannot (subscribe|use group)"):
                await tasks.start(_start, bus, Subscription(pattern, group))

    async def test_a_broker_that_is_not_there_is_told(self, config: QueueConfig) -> None:
        """By its address, without the password."""
        away = replace(config, port=1, connect_timeout=2.0)
        with pytest.raises(BusUnavailableError, match="cannot reach the bus") as caught:
            async with open_bus(away):
                pass

        assert config.password is None or config.password not in str(caught.value)

    async def test_a_wrong_password_is_told_without_it(self, config: QueueConfig) -> None:
        """It is a mistake to mend, or a broker to wait for; the text says which broker."""
        if config.password is None:
            pytest.skip("this broker asks for no password")
        wrong = replace(config, password="wrong-one")
        with pytest.raises(BusError) as caught:
            async with open_bus(wrong) as bus:
                await bus.publish(message("a"))

        assert "wrong-one" not in str(caught.value)
        assert "127.0.0.1" in str(caught.value)


async def _start(bus: Bus, subscription: Subscription, *, task_status: object) -> None:
    async def take(_: Delivery) -> None: ...

    await bus.consume(subscription, take, task_status=task_status)  # type: ignore[arg-type]


async def _status(bus: Bus, holds: object) -> GroupStatus:
    """The one group's, once it is so: counts may come late."""
    with fail_after(WITHIN_S):
        while True:
            (found,) = await bus.groups()
            if callable(holds) and holds(found):
                return found
            await sleep(0.05)


async def _drain(inboxes: Sequence[Inbox], count: int) -> list[bytes]:
    """What all of them get, until it is so many."""
    found: list[bytes] = []
    with fail_after(WITHIN_S):
        async with create_task_group() as group:

            async def read(inbox: Inbox) -> None:
                while True:
                    found.extend(await inbox.bodies(1))
                    if len(found) >= count:
                        group.cancel_scope.cancel()

            for inbox in inboxes:
                group.start_soon(read, inbox)
    return found


async def _whoever(*inboxes: Inbox) -> tuple[Inbox, Delivery]:
    """The first to get one, and what."""
    found: list[tuple[Inbox, Delivery]] = []
    async with create_task_group() as group:

        async def read(inbox: Inbox) -> None:
            found.append((inbox, await inbox.next()))
            group.cancel_scope.cancel()

        for inbox in inboxes:
            group.start_soon(read, inbox)
    return found[0]
