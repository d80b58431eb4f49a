import os
import socket

import pytest
from anyio import create_task_group, create_tcp_listener
from anyio.abc import SocketAttribute, SocketStream

from intertie.points.work import check_queue, check_schedule
from intertie.suite.points import Scheduling, Transcoding

pytestmark = pytest.mark.anyio


async def statuses(**keys: object) -> dict[str, str]:
    """The verdict on each key."""
    found = await check_queue("media", Transcoding.model_validate(keys))
    return {each.finding.key: each.finding.status for each in found}


async def test_a_queue_that_answers_is_right() -> None:
    """It must speak its protocol, not only listen."""

    async def answer(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"+PONG\r\n")

    listener = await create_tcp_listener(local_host="127.0.0.1")
    async with listener, create_task_group() as group:
        group.start_soon(listener.serve, answer)
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - not Django

        assert await statuses(queue_system="redis", port=port) == {
            "queue_system": "ok", "max_concurrent": "ok", "priority_levels": "ok",
        }  # fmt: skip
        group.cancel_scope.cancel()


async def test_a_queue_that_is_not_there_is_missing() -> None:
    """With what to do."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        keys = {"queue_system": "rabbitmq", "port": closed.getsockname()[1]}
        found = await check_queue("media", Transcoding.model_validate(keys))

    assert found[0].finding.status == "missing"
    assert found[0].finding.remedy == ("start rabbitmq, or correct `host` and `port`",)


async def test_more_jobs_than_cores_differ() -> None:
    """As do levels that are named twice."""
    cores = len(os.sched_getaffinity(0))

    found = await statuses(
        queue_system="embedded", max_concurrent=cores + 1, priority_levels=["high", "high"]
    )

    assert found == {
        "queue_system": "ok",
        "max_concurrent": "differs",
        "priority_levels": "differs",
    }


async def test_a_schedule_needs_nothing_of_the_machine() -> None:
    """The suite keeps the times."""
    wanted = Scheduling.model_validate({"type": "cron", "retry_policy": {"attempts": 3}})

    assert check_schedule("backup", wanted).finding.status == "ok"
