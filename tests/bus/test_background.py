"""A block of our own, for callers who open and close in separate calls."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from anyio import TASK_STATUS_IGNORED, sleep_forever
from anyio.abc import TaskStatus

from intertie.bus.background import Background
from intertie.errors import BusError
from tests.waiting import eventually

pytestmark = pytest.mark.anyio


class Life:
    """What happens, in order."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def enter(self, stack: AsyncExitStack) -> str:
        """Something with an end."""
        self.seen.append("enter")
        stack.callback(self.seen.append, "leave")
        return "value"

    async def component(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Something that lives."""
        self.seen.append("run")
        task_status.started()
        try:
            await sleep_forever()
        finally:
            self.seen.append("end")


async def test_components_end_before_what_they_use() -> None:
    """As in one block."""
    life, background = Life(), Background()

    assert await background.open(life.enter) == "value"
    await background.start(life.component)
    assert background.is_open
    await background.close()

    assert life.seen == ["enter", "run", "end", "leave"]
    assert not background.is_open
    await background.close()


async def test_what_cannot_be_entered_is_raised() -> None:
    """And nothing is left open."""
    background = Background()

    async def enter(_: AsyncExitStack) -> None:
        raise BusError("no broker")

    with pytest.raises(BusError, match="no broker"):
        await background.open(enter)

    assert not background.is_open


async def test_what_ended_a_component_is_told_at_the_next_call() -> None:
    """It does not vanish."""
    life, background = Life(), Background()

    async def broken(*, task_status: TaskStatus[None]) -> None:
        task_status.started()
        raise BusError("refused")

    await background.open(life.enter)
    await background.start(broken)
    await eventually(lambda: not background.is_open)

    with pytest.raises(BusError, match="refused"):
        background.check()
    with pytest.raises(BusError, match="refused"):
        await background.close()
    assert life.seen == ["enter", "leave"]


async def test_a_closed_one_says_so() -> None:
    """With what to do."""
    with pytest.raises(BusError, match=r"call connect\(\) first"):
        Background().check()


def test_the_end_of_the_event_loop_ends_it() -> None:
    """A program that forgets to close leaves nothing open."""
    life = Life()

    async def main() -> None:
        background = Background()
        await background.open(life.enter)
        await background.start(life.component)

    asyncio.run(main())

    assert life.seen == ["enter", "run", "end", "leave"]
