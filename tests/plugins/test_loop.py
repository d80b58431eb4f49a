import threading
from collections.abc import Iterator

import pytest
from anyio import get_cancelled_exc_class, sleep_forever

from intertie.plugins.loop import HookLoop


@pytest.fixture
def loop() -> Iterator[HookLoop]:
    """A loop that is closed afterwards."""
    made = HookLoop()
    yield made
    made.close()


def test_all_hooks_run_on_one_loop(loop: HookLoop) -> None:
    """What one opened, the next can use."""

    async def thread() -> object:
        return threading.get_ident()

    assert loop.run(thread, (), 5) == loop.run(thread, (), 5) != threading.get_ident()


def test_a_hook_that_takes_too_long_is_cancelled(loop: HookLoop) -> None:
    """And the loop goes on."""
    seen: list[str] = []

    async def wait() -> None:
        try:
            await sleep_forever()
        except get_cancelled_exc_class():
            seen.append("cancelled")
            raise

    async def answer() -> object:
        return 7

    with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
        loop.run(wait, (), 0.05)
    assert loop.run(answer, (), 5) == 7
    assert seen == ["cancelled"]


def test_a_hook_that_blocks_the_loop_does_not_block_the_next(loop: HookLoop) -> None:
    """The next one gets another loop."""
    go_on = threading.Event()

    async def block() -> None:
        go_on.wait(30)

    async def answer() -> object:
        return 7

    with pytest.raises(TimeoutError):
        loop.run(block, (), 0.05)
    assert loop.run(answer, (), 5) == 7
    go_on.set()


def test_a_timeout_of_the_hooks_own_is_its_own(loop: HookLoop) -> None:
    """It is not taken for ours."""

    async def fail() -> None:
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine"):
        loop.run(fail, (), 5)
