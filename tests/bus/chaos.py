"""BusChaos: what no engine may do to messages when it dies, stalls or is fed poison.

`INTERTIE_KILLS` says how often the broker is killed under load; `make prove-bus` has it 100 times.
"""

import os
from collections import Counter
from dataclasses import replace

import pytest
from anyio import create_task_group, fail_after, sleep

from intertie.bus.client import Client, connect
from intertie.bus.outcome import Reject, Retry
from intertie.bus.port import Subscription
from intertie.errors import BusUnavailableError
from intertie.event import Event
from tests.bus.peers.server import START_S, Broker
from tests.waiting import eventually

KILLS = int(os.environ.get("INTERTIE_KILLS", "2"))
BETWEEN_KILLS = 150
"""Messages confirmed before the next kill."""
TOPIC = "chaos.topic"


@pytest.mark.anyio
@pytest.mark.slow
@pytest.mark.timeout(120 + 30 * KILLS)
class BusChaos:
    """Inherit, and give the fixture `broker`, which lives as long as one test."""

    survives = True
    """Whether the engine keeps messages over SIGKILL."""

    async def test_a_killed_broker_loses_nothing_confirmed(self, broker: Broker) -> None:
        """However often it dies, each confirmed message gets to a handler."""
        if not self.survives:
            pytest.skip("this broker keeps everything in memory")
        confirmed: list[int] = []
        handled: Counter[int] = Counter()

        async def handle(event: Event) -> None:
            number = event.data["n"]
            assert isinstance(number, int)
            handled[number] += 1

        patient = replace(broker.config, publish_timeout=2 * START_S)
        async with (
            connect(patient, source="test") as publisher,
            connect(broker.config, source="test") as subscriber,
            create_task_group() as group,
        ):
            await group.start(_consume, subscriber, Subscription(TOPIC, "g", lease_s=2.0), handle)
            for part in range(4):
                group.start_soon(_publish, publisher, part, confirmed)
            for kill in range(KILLS):
                await eventually(lambda k=kill: len(confirmed) >= (k + 1) * BETWEEN_KILLS, 60)  # type: ignore[misc]
                await broker.kill()
                await broker.start()
            total = (KILLS + 1) * BETWEEN_KILLS
            await eventually(lambda: len(confirmed) >= total, 60)
            wanted = set(confirmed)
            await eventually(lambda: wanted <= handled.keys(), 90)
            group.cancel_scope.cancel()
        doubles = sum(count - 1 for count in handled.values())
        print(f"{len(wanted)} confirmed, 0 lost, {doubles} handled twice, {KILLS} kills")

    async def test_a_silent_broker_is_given_up_in_time(self, broker: Broker) -> None:
        """A publish neither hangs for ever nor claims success; later ones work again."""
        config = replace(broker.config, publish_timeout=0.5)
        async with connect(config, source="test") as client:
            with fail_after(30):
                await _until_published(client)
            await broker.pause()
            try:
                with fail_after(30), pytest.raises(BusUnavailableError):
                    await _publish_for_ever(client)  # the signal may take a moment
            finally:
                await broker.resume()
            with fail_after(30):
                await _until_published(client)

    async def test_poison_does_not_stop_the_others(self, broker: Broker) -> None:
        """A message that always fails is a dead letter with its reason; the rest goes on."""
        config = replace(broker.config, max_tries=2)
        good: list[object] = []

        async def handle(event: Event) -> None:
            if event.data["n"] == "refused":
                raise Reject("not for us")
            if event.data["n"] == "poison":
                raise Retry(0.1)
            good.append(event.data["n"])

        async with connect(config, source="test") as client, create_task_group() as group:
            await group.start(_consume, client, Subscription(TOPIC, "g"), handle)
            for n in ("1", "poison", "refused", "2"):
                await client.publish({"n": n}, topic=TOPIC, key=n)
            await eventually(lambda: sorted(map(str, good)) == ["1", "2"], 30)
            reasons: list[str] = []
            with fail_after(30):
                while len(reasons) < 2:
                    reasons = sorted(each.reason for each in await client.bus.dead_letters("g"))
                    await sleep(0.05)
            group.cancel_scope.cancel()

        assert reasons[0].startswith("asked to be tried again in 0.1 s (after 2 tries)")
        assert reasons[1] == "not for us"

    async def test_a_slow_consumer_is_not_buried_under_messages(self, broker: Broker) -> None:
        """It has `prefetch` in hand at most, and gets everything in the end."""
        at_once = most = done = 0

        async def handle(_: Event) -> None:
            nonlocal at_once, most, done
            at_once += 1
            most = max(most, at_once)
            await sleep(0.001)
            at_once -= 1
            done += 1

        async with connect(broker.config, source="test") as client, create_task_group() as group:
            subscription = Subscription(TOPIC, "g", prefetch=8)

            async def consume(*, task_status: object) -> None:
                await client.consume(subscription, handle, concurrency=4, task_status=task_status)  # type: ignore[arg-type]

            await group.start(consume)
            async with create_task_group() as publishers:
                for part in range(10):
                    publishers.start_soon(_publish_some, client, part)
            await eventually(lambda: done >= 500, 60)
            group.cancel_scope.cancel()

        assert 1 < most <= 4


async def _publish(client: Client, part: int, confirmed: list[int]) -> None:
    number = part
    while True:
        await client.publish({"n": number}, topic=TOPIC, key=str(part))
        confirmed.append(number)
        number += 4


async def _publish_for_ever(client: Client) -> None:
    while True:
        await client.publish({}, topic=TOPIC)


async def _publish_some(client: Client, part: int) -> None:
    for n in range(50):
        await client.publish({"n": n}, topic=TOPIC, key=str(part))


async def _consume(
    client: Client, subscription: Subscription, handle: object, *, task_status: object
) -> None:
    await client.consume(subscription, handle, task_status=task_status)  # type: ignore[arg-type]


async def _until_published(client: Client) -> None:
    while True:
        try:
            await client.publish({}, topic=TOPIC)
        except BusUnavailableError:
            continue
        return
