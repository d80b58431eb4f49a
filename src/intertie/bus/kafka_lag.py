"""How far the groups are."""

from collections.abc import Collection, Iterable, Mapping

from aiokafka import TopicPartition  # type: ignore[import-untyped]

from intertie.bus.kafka_dead import DeadLetters
from intertie.bus.kafka_group import Member
from intertie.bus.kafka_intake import Desk
from intertie.bus.kafka_offsets import Progress
from intertie.bus.port import GroupStatus
from intertie.bus.topics import matches


async def group_status(
    desk: Desk, dead: DeadLetters, members: Iterable[Member]
) -> list[GroupStatus]:
    """Of every group of the exchange; `members` are those of this process, who know it best."""
    here: dict[str, dict[TopicPartition, Progress]] = {}
    for member in members:
        here.setdefault(member.group_id, {}).update(member.progress())
    letters = {name: len(some) for name, some in (await dead.by_topic()).items()}
    topics = await desk.cluster.topics()
    found: list[GroupStatus] = []
    for group_id in await desk.cluster.groups():
        group = desk.names.group_of(group_id)
        if group is not None:
            found.append(await _status(desk, group, topics, letters, here))
    return found


async def _status(
    desk: Desk,
    group: tuple[str, str],
    topics: Collection[str],
    letters: Mapping[str, int],
    here: Mapping[str, Mapping[TopicPartition, Progress]],
) -> GroupStatus:
    name, pattern = group
    group_id, retries = desk.names.group_id(*group), desk.names.side(*group, "retry")
    wanted = [
        each
        for each in topics
        if each == retries
        or ((topic := desk.names.topic_of(each)) is not None and matches(pattern, topic))
    ]
    partitions = await desk.cluster.partitions(wanted)
    edges = await desk.cluster.edges(partitions)
    stored = await desk.cluster.stored(group_id, partitions)
    known = {**stored, **here.get(group_id, {})}
    consumers = await desk.cluster.members(group_id)
    lag = pending = 0
    for each, (first, after) in edges.items():
        at = known.get(each, Progress(first, first))
        left = at.open_below(after)
        # What somebody had in hand who is gone waits like the rest; a retry is never undelivered.
        in_hand = left if each.topic == retries else at.open_below_next() if consumers else 0
        pending += in_hand
        lag += left - in_hand
    dead = letters.get(desk.names.side(*group, "dead"), 0)
    return GroupStatus(name, pattern, lag, pending, consumers, dead)
