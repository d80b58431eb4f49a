"""Topics, groups and offsets of a Kafka cluster."""

from pathlib import Path

import pytest
from aiokafka import TopicPartition  # type: ignore[import-untyped]

from intertie.bus.kafka_cluster import PARTITIONS
from tests.bus.peers.kafka import desk, kafka

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_a_topic_is_made_once(tmp_path: Path) -> None:
    """With our partitions; asking again changes nothing."""
    async with kafka(tmp_path) as broker, desk(broker.config) as with_:
        await with_.cluster.ensure("s.a")
        await with_.cluster.ensure("s.a", partitions=1)

        assert await with_.cluster.topics() == ["s.a"]
        assert len(await with_.cluster.partitions(["s.a"])) == PARTITIONS
        assert await with_.cluster.partitions([]) == []


async def test_a_group_is_pinned_at_the_end_of_what_there_is(tmp_path: Path) -> None:
    """It is known from then on, and has no members."""
    async with kafka(tmp_path) as broker, desk(broker.config) as with_:
        data, marker = TopicPartition("s.a", 0), TopicPartition("s.r", 0)
        for name in ("s.a", "s.r"):
            await with_.cluster.ensure(name, partitions=1)
        for _ in range(3):
            await with_.producer.send("s.a", b"x", key=None, headers=[])
        assert await with_.cluster.stored("g", [marker]) == {}

        await with_.cluster.pin("g", marker, [data])

        stored = await with_.cluster.stored("g", [data, marker])
        assert {each: at.point for each, at in stored.items()} == {data: 3, marker: 0}
        assert await with_.cluster.edges([data, marker]) == {data: (0, 3), marker: (0, 0)}
        assert await with_.cluster.groups() == ["g"]
        assert await with_.cluster.members("g") == 0
