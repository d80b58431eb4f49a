"""What is under way when a stop is asked for."""

import pytest
from anyio import create_task_group, fail_after
from anyio.lowlevel import checkpoint

from intertie.service.drain import Drain

pytestmark = pytest.mark.anyio


async def test_idle_waits_for_all_that_is_under_way() -> None:
    """Also for what follows at once on something that ended, such as the ack of a message."""
    drain, order = Drain(), []
    drain.enter()

    async def wait() -> None:
        await drain.idle()
        order.append("idle")

    drain.begin()
    with fail_after(5):
        async with create_task_group() as group:
            group.start_soon(wait)
            await checkpoint()
            drain.leave()
            with drain.busy():
                await checkpoint()
                await checkpoint()
                order.append("acked")

    assert order == ["acked", "idle"]


async def test_with_nothing_under_way_it_is_idle_at_once() -> None:
    """And everybody who waits for a stop knows of it."""
    drain = Drain()

    drain.begin()

    with fail_after(5):
        await drain.began.wait()
        await drain.idle()
