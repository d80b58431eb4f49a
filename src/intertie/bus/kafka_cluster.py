"""Questions to a Kafka cluster that are no messages: its topics, partitions, groups and offsets."""

from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from functools import partial
from typing import Any  # answers of an untyped library

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]
from aiokafka.admin import AIOKafkaAdminClient, NewTopic  # type: ignore[import-untyped]
from aiokafka.errors import (  # type: ignore[import-untyped]
    CommitFailedError,
    KafkaError,
    for_code,
)
from aiokafka.structs import OffsetAndMetadata  # type: ignore[import-untyped]
from anyio import CancelScope, fail_after, sleep

from intertie.bus.kafka_link import Link, shut
from intertie.bus.kafka_offsets import Progress, progress
from intertie.errors import BusError

PARTITIONS = 4
_COPIES = 3
_MOST_RECORD = 2 << 20
_EXISTS, _DENIED, _DENIED_ALL, _BAD_CONFIG, _POLICY = 36, 29, 31, 40, 44
_TRIES = 10
_PAUSE_S = 0.05


class Cluster:
    """`admin` is open."""

    def __init__(self, link: Link, admin: AIOKafkaAdminClient) -> None:
        self._link = link
        self._admin = admin

    async def topics(self) -> list[str]:
        """The names of all topics."""
        with self._link.asking("list the topics"):
            names: list[str] = await _of_some_broker(self._admin.list_topics)
            return names

    async def partitions(self, topics: Collection[str]) -> list[TopicPartition]:
        """Those of topics that exist."""
        if not topics:
            return []
        with self._link.asking("look up partitions"):
            described = await _of_some_broker(partial(self._admin.describe_topics, list(topics)))
        return [
            TopicPartition(each["topic"], part["partition"])
            for each in described
            for part in each["partitions"]
        ]

    async def ensure(
        self, name: str, *, partitions: int = PARTITIONS, compact: bool = False
    ) -> None:
        """The topic exists afterwards. One that exists already stays as it is."""
        retention = self._link.config
        settings = {
            "retention.ms": str(int(retention.retention * 1000)),
            "retention.bytes": str(max(1, retention.max_size // partitions)),
            "max.message.bytes": str(_MOST_RECORD),
        }
        if compact:
            settings["cleanup.policy"] = "compact,delete"
        with self._link.asking(f"create topic {name}"):
            code, why = await self._create(name, partitions, settings)
            if code in {_BAD_CONFIG, _POLICY}:
                code, why = await self._create(name, partitions, {})
            if code in {_DENIED, _DENIED_ALL} and name in await self._admin.list_topics():
                return
        if code not in {0, _EXISTS}:
            error = for_code(code)(why)
            raise self._link.trouble(f"create topic {name}", error, self._link.timeout_s)

    async def _create(
        self, name: str, partitions: int, settings: dict[str, str]
    ) -> tuple[int, str | None]:
        brokers = (await self._admin.describe_cluster())["brokers"]
        new = NewTopic(name, partitions, min(_COPIES, len(brokers)), topic_configs=settings)
        answer: Any = await self._admin.create_topics(
            [new], timeout_ms=int(self._link.timeout_s * 1000)
        )
        _, code, *why = answer.topic_errors[0]
        return code, why[0] if why else None

    async def stored(
        self, group_id: str, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, Progress]:
        """How far the group is, where it has been at all."""
        asked = list(partitions)
        if not asked:
            return {}
        with self._link.asking(f"look up group {group_id}"):
            found: dict[
                TopicPartition, OffsetAndMetadata
            ] = await self._admin.list_consumer_group_offsets(group_id, partitions=asked)
        return {
            each: progress(held.offset, held.metadata or "")
            for each, held in found.items()
            if held.offset >= 0
        }

    async def groups(self) -> list[str]:
        """The ids of all groups."""
        with self._link.asking("list the groups"):
            return sorted(group_id for group_id, *_ in await self._admin.list_consumer_groups())

    async def members(self, group_id: str) -> int:
        """How many consumers the group has; 0 where the broker cannot say."""
        with suppress(BusError), self._link.asking(f"look up group {group_id}"):
            answer: Any
            (answer,) = await self._admin.describe_consumer_groups([group_id])
            (_code, _id, _state, _type, _protocol, members, *_) = answer.groups[0]
            return len(members)
        return 0

    async def edges(
        self, partitions: Collection[TopicPartition]
    ) -> dict[TopicPartition, tuple[int, int]]:
        """The oldest offset kept, and the one to come."""
        if not partitions:
            return {}
        consumer = AIOKafkaConsumer(**self._link.options())
        try:
            with self._link.asking("look up offsets"):
                await consumer.start()
                first = await consumer.beginning_offsets(list(partitions))
                after = await consumer.end_offsets(list(partitions))
        finally:
            await close(consumer)
        return {each: (first[each], after[each]) for each in partitions}

    async def pin(
        self, group_id: str, marker: TopicPartition, partitions: Collection[TopicPartition]
    ) -> None:
        """Where a group begins that has no member yet: at the end of these partitions.

        Of all others it begins at the start. `marker` is stored too: a group that has it is known.
        """
        starts = {each: (after, "") for each, (_, after) in (await self.edges(partitions)).items()}
        consumer = AIOKafkaConsumer(
            group_id=group_id, enable_auto_commit=False, **self._link.options()
        )
        consumer.assign([marker, *starts])
        try:
            with self._link.asking(f"make group {group_id}"):
                await consumer.start()
                # A group that has members has been here before them.
                with suppress(CommitFailedError):
                    await consumer.commit({**starts, marker: (0, "")})
        finally:
            await close(consumer)


async def _of_some_broker(ask: Callable[[], Awaitable[Any]]) -> Any:
    """The library asks any one of the brokers, and says no more when that one is away."""
    for _ in range(_TRIES):
        with suppress(KafkaError):
            return await ask()
        await sleep(_PAUSE_S)
    return await ask()


async def close(consumer: AIOKafkaConsumer) -> None:
    """Leave the group, if it is in one, and close the connections."""
    client: Any = consumer._client  # pyright: ignore[reportPrivateUsage] # no other way to cut off

    async def stop() -> None:
        try:
            await consumer.stop()
        except KafkaError:  # what ended its reader is raised here again
            await client.close()

    def cut() -> None:
        for connection in list(client._conns.values()):
            connection.close()

    await shut(stop, cut)


async def open_cluster(link: Link) -> tuple[Cluster, AIOKafkaAdminClient]:
    """Raises BusUnavailableError when nobody answers."""
    admin = AIOKafkaAdminClient(metadata_max_age_ms=30_000, **link.options())
    try:
        with fail_after(link.timeout_s):
            await admin.start()
    except (KafkaError, TimeoutError) as exc:
        with CancelScope(shield=True):
            await admin.close()
        raise await link.unreachable() from exc
    return Cluster(link, admin), admin
