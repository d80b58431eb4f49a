"""One moment for several sources."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from anyio import Event, fail_after, get_cancelled_exc_class, move_on_after, sleep_forever

from intertie.automation.backup.barrier import barrier
from intertie.errors import IntertieError

pytestmark = pytest.mark.anyio


class Crew:
    """Services that stand still, and say so."""

    def __init__(self) -> None:
        self.still = False
        self.going = Event()

    @asynccontextmanager
    async def hold(self) -> AsyncIterator[tuple[str, ...]]:
        """See Hold."""
        self.still = True
        try:
            yield ("orders", "worker")
        finally:
            self.still = False
            self.going.set()


async def test_services_stand_still_until_all_is_taken() -> None:
    """What is told then has their names, an id, and for how long it was."""
    crew = Crew()

    async with barrier(crew.hold, 60) as held:
        assert crew.still
        assert held.result is None

    assert not crew.still
    assert held.result is not None
    assert held.result.services == ("orders", "worker")
    assert (held.result.partial, held.result.notes) == (False, ())
    async with barrier(crew.hold, 60) as other:
        pass
    assert other.result is not None
    assert other.result.id != held.result.id


async def test_they_go_on_when_the_limit_is_reached() -> None:
    """What is taken then goes on too, and is told as partial."""
    crew = Crew()

    async with barrier(crew.hold, 0.01) as held:
        with fail_after(10):
            await crew.going.wait()
        assert not crew.still

    assert held.result is not None
    assert held.result.partial
    assert "partial: services went on after" in held.result.notes[0]


async def test_they_go_on_when_it_fails() -> None:
    """The failure is told as it is."""
    crew = Crew()

    with pytest.raises(IntertieError, match="a disk is full"):
        async with barrier(crew.hold, 60):
            raise IntertieError("a disk is full")

    assert not crew.still


async def test_they_go_on_when_it_is_cancelled() -> None:
    """Such as by the task's timeout."""
    crew = Crew()

    with move_on_after(0.01) as limit:
        async with barrier(crew.hold, 60):
            try:
                await sleep_forever()
            except get_cancelled_exc_class():
                raise

    assert limit.cancelled_caught
    assert not crew.still


async def test_a_service_that_cannot_be_paused_is_told() -> None:
    """Nothing is taken."""

    @asynccontextmanager
    async def hold() -> AsyncIterator[tuple[str, ...]]:
        raise IntertieError("cannot pause")
        yield ()

    with pytest.raises(IntertieError, match="cannot pause"):
        async with barrier(hold, 60):
            pytest.fail("it went on")


async def test_nothing_stands_still_where_nothing_is_to() -> None:
    """And nothing is told."""
    async with barrier(None, 60) as held:
        pass

    assert held.result is None
