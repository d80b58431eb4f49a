"""One answer for many readers."""

import pytest
from anyio import create_task_group, fail_after
from anyio.lowlevel import checkpoint

from intertie.gateway.cache.fetch import Ask, Fetch
from intertie.gateway.cache.message import Answer, Request
from intertie.gateway.cache.origin import OriginError
from intertie.gateway.cache.policy import Terms
from intertie.gateway.cache.store import Address

pytestmark = pytest.mark.anyio
ADDRESS = Address(b"", b"", b"", b"/")


def fetch(*, keeping: bool = True) -> Fetch:
    """One whose head has come."""
    made = Fetch(Ask(Request(b"GET", b"/", []), ADDRESS, b"", Terms()))
    made.answer, made.keeping = Answer(200, []), keeping
    made.know()
    return made


async def taken(made: Fetch, into: list[bytes]) -> None:
    """Read to the end."""
    reader = made.join()
    async for chunk in made.chunks(reader):
        into.append(chunk)
    made.leave(reader)


async def test_who_joins_late_gets_all_of_it() -> None:
    """As long as it is kept."""
    made, early, late = fetch(), [b""][:0], [b""][:0]
    async with create_task_group() as group:
        group.start_soon(taken, made, early)
        await checkpoint()
        made.feed(b"a")
        await checkpoint()
        group.start_soon(taken, made, late)
        made.feed(b"b")
        made.finish()

    assert (early, late) == ([b"a", b"b"], [b"a", b"b"])


async def test_what_is_not_kept_waits_for_its_reader() -> None:
    """The origin is read no faster than the slowest takes it, and what was read goes."""
    made = fetch(keeping=False)
    reader = made.join()
    made.feed(b"x" * 300_000)
    waited = False

    async def take() -> None:
        async for _ in made.chunks(reader):
            return

    with fail_after(5):
        async with create_task_group() as group:
            group.start_soon(take)
            await made.room()
            waited = True

    assert waited
    assert made.content() == b""


async def test_nobody_left_ends_what_is_for_nobody() -> None:
    """What is kept goes on."""
    kept, passing = fetch(), fetch(keeping=False)
    for each in (kept, passing):
        each.leave(each.join())

    assert passing.scope.cancel_called
    assert not kept.scope.cancel_called


async def test_a_failure_reaches_all_who_read() -> None:
    """After what came before it."""
    made, got = fetch(), [b""][:0]
    made.feed(b"a")
    made.finish(OriginError("cut"))

    with pytest.raises(OriginError, match="cut"):
        await taken(made, got)
    assert got == [b"a"]


async def test_without_a_head_there_is_only_the_failure() -> None:
    """For all who wait for it."""
    made = Fetch(Ask(Request(b"GET", b"/", []), ADDRESS, b"", None))
    made.finish(OriginError("down"))

    with pytest.raises(OriginError, match="down"):
        await made.known()
    with pytest.raises(OriginError):
        made.must_have()
