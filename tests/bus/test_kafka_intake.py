"""What all consumers on Kafka have in common."""

from pathlib import Path
from typing import Any

import pytest
from anyio import TASK_STATUS_IGNORED, create_task_group, fail_after
from anyio.abc import TaskStatus

from intertie.bus.kafka_group import Member
from intertie.bus.kafka_intake import Intake, in_turns
from intertie.bus.kafka_listener import Listener
from intertie.bus.port import Delivery, Subscription
from intertie.errors import BusUnavailableError
from intertie.testing.bus import message
from tests.bus.peers.kafka import desk, kafka

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_no_partition_waits_for_another() -> None:
    """Records come in turns, those of one partition in their order."""
    batches: Any = {"p": [1, 2, 3], "q": [10], "r": [20, 21]}  # Any: neither is looked into

    found: Any = list(in_turns(batches))

    assert [record for _, record in found] == [1, 10, 20, 2, 21, 3]
    assert [partition for partition, _ in found] == ["p", "q", "r", "p", "r", "p"]


@pytest.mark.parametrize(
    ("kind", "subscription"),
    [(Member, Subscription("a", "g")), (Listener, Subscription("a"))],
)
async def test_an_error_of_the_taker_ends_the_consumer(
    tmp_path: Path, kind: type[Intake], subscription: Subscription
) -> None:
    """It reaches whoever runs it as it was raised, and nothing is left running."""

    async def take(_: Delivery) -> None:
        raise KeyError("mine")

    async with kafka(tmp_path) as broker, desk(broker.config) as with_:

        async def run(*, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
            with pytest.raises(KeyError, match="mine"):
                await kind(with_, subscription, take).run(task_status)

        with fail_after(30):
            async with create_task_group() as tasks:
                await tasks.start(run)
                sent = message("a")
                await with_.producer.send(
                    with_.names.topic("a"), sent.body, key=None, headers=[("id", b"1")]
                )


async def test_a_reader_that_failed_is_not_waited_for(tmp_path: Path) -> None:
    """The consumer ends as if the broker were gone, so that whoever runs it begins anew."""

    async def take(_: Delivery) -> None: ...

    async with kafka(tmp_path) as broker, desk(broker.config) as with_:
        listener = Listener(with_, Subscription("a"), take)

        async def run(*, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
            with pytest.raises(BusUnavailableError, match="reader has failed"):
                await listener.run(task_status)

        with fail_after(30):
            async with create_task_group() as tasks:
                await tasks.start(run)
                listener._consumer._fetcher.error_future.cancel()
