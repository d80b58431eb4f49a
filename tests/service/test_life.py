"""What runs beside the requests."""

import signal

import pytest
from anyio import Event, fail_after, sleep_forever

from intertie.service.drain import Drain
from intertie.service.environment import read_environment
from intertie.service.life import Life
from intertie.service.trace import Tracing

pytestmark = pytest.mark.anyio


def make(grace_s: float = 11) -> Life:
    """With so long to stop, of which one second is not for draining."""
    environment = read_environment("orders", {"INTERTIE_STOP_GRACE": str(grace_s)})
    return Life(environment, Drain(), Tracing(environment))


async def test_a_worker_ends_its_work_when_asked_to() -> None:
    """The end waits for it."""
    life, done, started = make(), [], Event()

    async def work() -> None:
        started.set()
        await life.drain.began.wait()
        done.append("last piece")

    life.add_worker("work", work)
    with fail_after(5):
        async with life:
            await life.begin()
            await started.wait()
            await life.end()

    assert done == ["last piece"]


async def test_a_worker_that_does_not_end_is_cancelled() -> None:
    """When the time to drain is up."""
    life = make(grace_s=1)
    life.add_worker("work", sleep_forever)

    with fail_after(5):
        async with life:
            await life.begin()
            await life.end()

    assert not life.failed


async def test_background_goes_on_until_all_is_drained() -> None:
    """The last handlers may still need it."""
    life, order = make(), []

    async def background() -> None:
        try:
            await sleep_forever()
        finally:
            order.append("background")

    async def work() -> None:
        await life.drain.began.wait()
        order.append("worker")

    life.add_background(background)
    life.add_worker("work", work)
    async with life:
        await life.begin()
        await life.end()
        order.append("application")

    assert order == ["worker", "background", "application"]


async def test_a_worker_that_fails_is_told() -> None:
    """It harms the others only by what is made of it."""
    life = make()

    async def work() -> None:
        raise ValueError("broken")

    life.add_worker("work", work)
    with fail_after(5):
        async with life:
            await life.begin()
            await life.workless.wait()
            assert await life.probe_workers() is False
            await life.end()

    assert life.failed


async def test_whoever_goes_on_after_it_hears_signals_as_before() -> None:
    """A program may outlive its service, and the event loop that it ran on."""

    def theirs(*_: object) -> None: ...

    before = signal.signal(signal.SIGTERM, theirs)
    try:
        async with make() as life:
            await life.begin()
            during = signal.getsignal(signal.SIGTERM)
            await life.end()

        assert during is not theirs
        assert signal.getsignal(signal.SIGTERM) is theirs
    finally:
        signal.signal(signal.SIGTERM, before)
