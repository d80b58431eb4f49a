"""Dead letters on Kafka."""

from pathlib import Path

import pytest

from intertie.bus.kafka_dead import DeadLetters
from intertie.bus.kafka_records import dead_headers
from intertie.bus.port import Message
from tests.bus.peers.kafka import desk, kafka

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_letters_are_kept_by_group_until_dropped(tmp_path: Path) -> None:
    """A letter buried twice is one, at the place of its last burial."""
    async with kafka(tmp_path) as broker, desk(broker.config) as with_:
        letters = DeadLetters(with_)
        assert await letters.by_topic() == {}
        topics = {group: with_.names.side(group, "a.*", "dead") for group in ("g", "h")}
        for topic in topics.values():
            await with_.cluster.ensure(topic, partitions=1, compact=True)
        for topic, number in (("g", 1), ("g", 2), ("h", 1), ("g", 1)):
            message = Message("a.b", b"x", f"m{number}", "k")
            headers = dead_headers(message, tries=number, reason="r")
            await with_.producer.send(topics[topic], b"x", key=message.id.encode(), headers=headers)

        assert [letter.id for letter in (await letters.by_topic("g"))[topics["g"]]] == ["m2", "m1"]
        assert await letters.drop("g", "m1")
        assert not await letters.drop("g", "m1")
        left = {
            topic: [one.id for one in some] for topic, some in (await letters.by_topic()).items()
        }
        assert left == {topics["g"]: ["m2"], topics["h"]: ["m1"]}


async def test_a_replayed_letter_lies_among_those_that_come_again(tmp_path: Path) -> None:
    """Once, and no longer among the dead."""
    async with kafka(tmp_path) as broker, desk(broker.config) as with_:
        for kind in ("dead", "retry"):
            await with_.cluster.ensure(with_.names.side("g", "a", kind), partitions=1)
        message = Message("a", b"x", "m1")
        await with_.producer.send(
            with_.names.side("g", "a", "dead"),
            b"x",
            key=b"m1",
            headers=dead_headers(message, tries=5, reason="r"),
        )
        letters = DeadLetters(with_)

        assert await letters.replay("g", "m1")
        assert not await letters.replay("g", "m1")
        (partition,) = await with_.cluster.partitions([with_.names.side("g", "a", "retry")])
        assert await with_.cluster.edges([partition]) == {partition: (0, 1)}
