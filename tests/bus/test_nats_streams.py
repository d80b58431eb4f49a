"""The streams and consumers of an exchange."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from anyio import create_task_group

from intertie.bus.nats_link import Link, connect
from intertie.bus.nats_names import names
from intertie.bus.nats_streams import add_group, add_listener, add_streams, forget, statuses
from intertie.bus.port import Subscription
from intertie.suite.bus import QueueConfig
from tests.bus.peers.nats import nats

pytestmark = [pytest.mark.anyio, pytest.mark.slow]
X = names("x")


@pytest.fixture
async def config(tmp_path: Path) -> AsyncIterator[QueueConfig]:
    """Where a server is."""
    async with nats(tmp_path) as broker:
        yield broker.config


@pytest.fixture
async def link(config: QueueConfig) -> AsyncIterator[Link]:
    """To it, with the exchange x made."""
    link = await connect(config)
    await add_streams(link, X, config)
    yield link
    await link.aclose()


async def test_a_changed_retention_is_applied(link: Link, config: QueueConfig) -> None:
    """To the stream that is there, which keeps its messages and what else was set."""
    await link.put(X.topic("a"), b"", {})
    await link.js.update_stream((await link.js.stream_info("x")).config, description="ours")

    await add_streams(link, X, replace(config, retention=60.0, max_size=1 << 20))

    found = await link.js.stream_info("x")
    assert (found.config.max_age, found.config.max_bytes) == (60.0, 1 << 20)
    assert (found.config.description, found.state.messages) == ("ours", 1)


async def test_members_that_come_at_once_join_one_group(link: Link) -> None:
    """Though they disagree on where it begins."""
    async with create_task_group() as tasks:
        for n in range(10):
            wants = Subscription("a.#", "g", from_start=n % 2 == 0)
            tasks.start_soon(add_group, link, X, wants)

    assert [(s.group, s.pattern) for s in await statuses(link, X)] == [("g", "a.#")]


async def test_a_changed_lease_is_applied(link: Link) -> None:
    """The latest member's counts; the group keeps its place."""
    name = await add_group(link, X, Subscription("a", "g", lease_s=30.0))
    await link.put(X.topic("a"), b"", {})
    await add_group(link, X, Subscription("a", "g", lease_s=5.0))

    found = await link.js.consumer_info("x", name)
    assert (found.config.ack_wait, found.num_pending) == (5.0, 1)


async def test_a_group_begins_at_the_start_or_now(link: Link) -> None:
    """As it asks, when the server does not know it yet."""
    await link.put(X.topic("a"), b"", {})
    await add_group(link, X, Subscription("a", "all", from_start=True))
    await add_group(link, X, Subscription("a", "new"))

    assert {s.group: s.lag for s in await statuses(link, X)} == {"all": 1, "new": 0}


async def test_groups_are_found_however_many(link: Link) -> None:
    """The server tells of no more than 256 at a time."""
    for n in range(260):
        await add_group(link, X, Subscription("a", f"g{n:03}"))

    found = await statuses(link, X)

    assert [status.group for status in found] == [f"g{n:03}" for n in range(260)]


async def test_a_listener_leaves_nothing(link: Link) -> None:
    """Nor is it a group."""
    name = await add_listener(link, X, Subscription("a"))
    assert await statuses(link, X) == []

    await forget(link, X, name)

    assert await link.js.consumers_info("x") == []
