"""The streams and consumers that an exchange needs on the server, and how far each group is."""

from contextlib import suppress

from anyio import CancelScope
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    ConsumerInfo,
    DeliverPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import APIError, BadRequestError, NotFoundError

from intertie.bus.nats_link import Link
from intertie.bus.nats_names import Names, consumer_name
from intertie.bus.port import GroupStatus, Subscription
from intertie.errors import BusError
from intertie.suite.bus import QueueConfig

_DOUBLES_S = 120.0
"""How long the id of a message is known."""
_OTHERWISE = 10058
"""The server's code for a stream that is there with other settings."""
_PENDING = 20_000
"""Messages of one group in hand or waiting for a retry, over all members."""
_IDLE_S = 600.0
"""A listener that asks for nothing for so long is forgotten."""
_GROUP, _PATTERN = "intertie.group", "intertie.pattern"


async def add_streams(link: Link, names: Names, config: QueueConfig) -> None:
    """Make the exchange's two streams, or set how much those that are there keep."""
    doubles_s = min(_DOUBLES_S, config.retention) if config.retention else _DOUBLES_S
    messages = StreamConfig(
        name=names.prefix,
        subjects=names.kept,
        storage=StorageType.FILE,
        max_age=config.retention,
        max_bytes=config.max_size,
        duplicate_window=doubles_s,
    )
    await _add_stream(link, messages)
    await _add_stream(
        link,
        messages.evolve(
            name=names.graves, subjects=[names.grave()], max_age=0, duplicate_window=_DOUBLES_S
        ),
    )


async def add_group(link: Link, names: Names, wants: Subscription) -> str:
    """The name of the group's consumer for the pattern, made if need be."""
    group = wants.group or ""
    name = consumer_name(group, wants.pattern)
    config = ConsumerConfig(
        name=name,
        durable_name=name,
        metadata={_GROUP: group, _PATTERN: wants.pattern},
        deliver_policy=DeliverPolicy.ALL if wants.from_start else DeliverPolicy.NEW,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=wants.lease_s,
        max_deliver=-1,
        max_ack_pending=max(_PENDING, wants.prefetch),
        filter_subjects=[*names.wanted(wants.pattern), names.lane(name)],
    )
    with link.call(f"join group {group}"):
        found = await _consumer(link, names, name)
        if found is None:
            try:
                await link.js.add_consumer(names.prefix, config)
            except APIError:
                # Another member made it meanwhile, and with another start.
                found = await _consumer(link, names, name)
                if found is None:
                    raise
        if found is not None and found.config.ack_wait != wants.lease_s:
            await link.js.add_consumer(names.prefix, found.config.evolve(ack_wait=wants.lease_s))
    return name


async def add_listener(link: Link, names: Names, wants: Subscription) -> str:
    """The name of a consumer that lives as long as it is used, and keeps nothing."""
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.NEW,
        ack_policy=AckPolicy.NONE,
        filter_subjects=names.wanted(wants.pattern),
        inactive_threshold=_IDLE_S,
        mem_storage=True,
        num_replicas=1,
    )
    with link.call("listen"):
        return (await link.js.add_consumer(names.prefix, config)).name


async def forget(link: Link, names: Names, consumer: str) -> None:
    """End a listener now; the server does it later if this fails."""
    if link.is_lost:
        return
    with CancelScope(shield=True), suppress(BusError), link.call("stop listening"):
        await link.js.delete_consumer(names.prefix, consumer)


async def statuses(link: Link, names: Names) -> list[GroupStatus]:
    """Of every group, by name and pattern."""
    with link.call("ask how far the groups are"):
        found = await _consumers(link, names)
        graves = await link.js.stream_info(names.graves, subjects_filter=names.grave())
    dead = graves.state.subjects or {}
    return sorted(
        (_status(names, info, dead) for info in found if _GROUP in (info.config.metadata or {})),
        key=lambda status: (status.group, status.pattern),
    )


def _status(names: Names, info: ConsumerInfo, dead: dict[str, int]) -> GroupStatus:
    about = info.config.metadata or {}
    group = about[_GROUP]
    return GroupStatus(
        group,
        about[_PATTERN],
        lag=info.num_pending,
        pending=info.num_ack_pending or 0,
        consumers=info.num_waiting or 0,
        dead=dead.get(names.grave(group, info.name), 0),
    )


async def _add_stream(link: Link, wanted: StreamConfig) -> None:
    name = wanted.name or ""
    with link.call(f"make stream {name}"):
        try:
            await link.js.add_stream(wanted)
        except BadRequestError as exc:
            if exc.err_code != _OTHERWISE:
                raise
            # What else was changed there, such as replicas, is somebody's decision.
            there = (await link.js.stream_info(name)).config
            await link.js.update_stream(
                there.evolve(
                    max_age=wanted.max_age,
                    max_bytes=wanted.max_bytes,
                    duplicate_window=wanted.duplicate_window,
                )
            )


async def _consumer(link: Link, names: Names, name: str) -> ConsumerInfo | None:
    try:
        found: ConsumerInfo = await link.js.consumer_info(names.prefix, name)
    except NotFoundError:
        return None
    return found


async def _consumers(link: Link, names: Names) -> list[ConsumerInfo]:
    found: list[ConsumerInfo] = []
    while page := await link.js.consumers_info(names.prefix, offset=len(found)):
        found += page
    return found
