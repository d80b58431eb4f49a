"""Things that count one time only."""

import pytest
from anyio import create_task_group

from intertie.identity.sso.once import Once
from intertie.store.sqlite import SqliteRecords
from tests.api.login.site import Clock

pytestmark = pytest.mark.anyio


async def test_of_many_at_once_one_is_first(records: SqliteRecords, clock: Clock) -> None:
    """Whoever asks, on whatever process."""
    asked = [Once(records, clock) for _ in range(8)]
    outcomes: list[bool] = []

    async def claim(once: Once) -> None:
        outcomes.append(await once.claim("jti", "x", clock().timestamp() + 10))

    async with create_task_group() as group:
        for each in asked:
            group.start_soon(claim, each)

    assert sorted(outcomes) == [False] * 7 + [True]


async def test_kinds_are_apart(records: SqliteRecords, clock: Clock) -> None:
    """A state is not a logout token of the same name."""
    once = Once(records, clock)

    assert await once.claim("a", "x", clock().timestamp() + 10)
    assert await once.claim("b", "x", clock().timestamp() + 10)


async def test_what_is_kept_is_taken_once_and_in_time(records: SqliteRecords, clock: Clock) -> None:
    """The name it is kept under is not stored."""
    once = Once(records, clock)
    until = clock().timestamp() + 10
    await once.keep("step", "secret", {"a": 1}, until)
    await once.keep("step", "late", {"a": 2}, until)

    assert await once.peek("step", "secret") == {"a": 1}
    assert await once.take("step", "secret") == {"a": 1}
    assert await once.take("step", "secret") is None
    clock.advance(11)
    assert await once.take("step", "late") is None
    assert await once.peek("step", "nothing") is None


async def test_the_old_is_swept(records: SqliteRecords, clock: Clock) -> None:
    """So that nothing grows for ever."""
    once = Once(records, clock)
    for number in range(50):
        await once.claim("x", str(number), clock().timestamp() + 10)
    clock.advance(100)

    await once.claim("x", "new", clock().timestamp() + 10)

    assert (await records.find("sso.once")).total == 1
