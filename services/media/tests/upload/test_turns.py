import pytest
from anyio import Event, create_task_group, fail_after, sleep_forever

from intertie_media.errors import Refused
from intertie_media.upload.turns import Turns

pytestmark = pytest.mark.anyio


async def hold(turns: Turns, chunk: int, began: Event, told: list[str]) -> None:
    """A sender whose connection hangs."""
    try:
        async with turns.take(chunk):
            began.set()
            await sleep_forever()
    except Refused as exc:
        told.append(exc.code)


async def test_a_newer_sender_need_not_wait_for_one_that_hangs() -> None:
    """The older one is stopped, and has left before the newer begins."""
    turns, began, told = Turns(), Event(), list[str]()

    with fail_after(30):
        async with create_task_group() as group:
            group.start_soon(hold, turns, 0, began, told)
            await began.wait()
            async with turns.take(0):
                pass

    assert told == ["superseded"]


async def test_two_chunks_do_not_wait_for_each_other() -> None:
    """Parallel sending is the point of chunks."""
    turns = Turns()

    with fail_after(30):
        async with turns.take(0), turns.take(1):
            pass


async def test_all_can_be_stopped() -> None:
    """An upload that ends has no writers left."""
    turns, told = Turns(), list[str]()
    begins = [Event() for _ in range(3)]

    with fail_after(30):
        async with create_task_group() as group:
            for chunk, began in enumerate(begins):
                group.start_soon(hold, turns, chunk, began, told)
                await began.wait()
            await turns.stop_all()

    assert told == ["superseded"] * 3


async def test_a_sender_that_fails_frees_the_chunk() -> None:
    """The next try finds it free."""
    turns = Turns()

    with pytest.raises(ValueError, match="damaged"):
        async with turns.take(0):
            raise ValueError("damaged")

    with fail_after(30):
        async with turns.take(0):
            pass
