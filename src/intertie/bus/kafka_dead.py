"""Dead letters: records of a topic of each group, read anew with each question.

A letter that was dropped or replayed has a later record without a body under the same key.
"""

from collections.abc import Iterable, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]

from intertie.bus.kafka_cluster import close
from intertie.bus.kafka_intake import Desk
from intertie.bus.kafka_records import Record, dead_letter, retry_headers
from intertie.bus.port import DeadLetter

_READ_S = 60.0
_AT_ONCE = 500
_SUFFIX = ".dead"


class DeadLetters:
    """Those of all groups of one exchange."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def by_topic(self, group: str | None = None) -> Mapping[str, list[DeadLetter]]:
        """The letters of one group, or of all, by the topic they lie in, oldest first."""
        owners = {
            name: owner
            for name in await self._desk.cluster.topics()
            if (owner := self._desk.names.group_of_dead(name)) is not None
            and group in {None, owner}
        }
        found: dict[str, dict[bytes, Record]] = {name: {} for name in owners}
        for record in await self._read(owners):
            if record.key is None:
                continue
            found[record.topic].pop(record.key, None)
            if record.value is not None:
                found[record.topic][record.key] = record
        return {
            name: [dead_letter(record, owners[name]) for record in letters.values()]
            for name, letters in found.items()
        }

    async def drop(self, group: str, letter_id: str) -> bool:
        """Forget it; whether there was one."""
        found = await self._find(group, letter_id)
        for topic, letter in found:
            await self._erase(topic, letter)
        return bool(found)

    async def replay(self, group: str, letter_id: str) -> bool:
        """Deliver it anew, from try 1; whether there was one."""
        found = await self._find(group, letter_id)
        for topic, letter in found:
            message = letter.message
            await self._desk.producer.send(
                f"{topic.removesuffix(_SUFFIX)}.retry",
                message.body,
                key=None if message.key is None else message.key.encode(),
                headers=retry_headers(message, tries=1, due_at=0),
            )
            await self._erase(topic, letter)
        return bool(found)

    async def _find(self, group: str, letter_id: str) -> list[tuple[str, DeadLetter]]:
        return [
            (topic, letter)
            for topic, letters in (await self.by_topic(group)).items()
            for letter in letters
            if letter.id == letter_id
        ]

    async def _erase(self, topic: str, letter: DeadLetter) -> None:
        await self._desk.producer.send(topic, None, key=letter.id.encode(), headers=[])

    async def _read(self, topics: Iterable[str]) -> list[Record]:
        edges = await self._desk.cluster.edges([TopicPartition(name, 0) for name in topics])
        left = {each: after for each, (first, after) in edges.items() if after > first}
        records: list[Record] = []
        if not left:
            return records
        consumer = AIOKafkaConsumer(
            enable_auto_commit=False, auto_offset_reset="earliest", **self._desk.link.options()
        )
        consumer.assign(list(left))
        try:
            with self._desk.link.asking("read the dead letters", _READ_S):
                await consumer.start()
                while any([await consumer.position(each) < end for each, end in left.items()]):
                    for batch in (
                        await consumer.getmany(timeout_ms=100, max_records=_AT_ONCE)
                    ).values():
                        records += batch
        finally:
            await close(consumer)
        return records
