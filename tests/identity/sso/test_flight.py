"""One request for all who want the same."""

import pytest
from anyio import CancelScope, Event, create_task_group, wait_all_tasks_blocked

from intertie.identity.sso import ProviderError
from intertie.identity.sso.flight import Flight

pytestmark = pytest.mark.anyio


async def test_all_get_what_one_asked_for() -> None:
    """Its result, or its error."""
    for outcome in ("good", "bad"):
        flight, gate, calls, told = Flight[str](), Event(), [0], list[str]()

        async def work(gate: Event = gate, calls: list[int] = calls, outcome: str = outcome) -> str:
            calls[0] += 1
            await gate.wait()
            if outcome == "bad":
                raise ProviderError("bad")
            return "good"

        async def ask(flight: Flight[str] = flight, told: list[str] = told) -> None:
            try:
                told.append(await flight.share(work))
            except ProviderError as exc:
                told.append(str(exc))

        async with create_task_group() as group:
            for _ in range(5):
                group.start_soon(ask)
            await wait_all_tasks_blocked()
            gate.set()

        assert (calls[0], told) == (1, [outcome] * 5)


async def test_who_leaves_does_not_take_the_others_along() -> None:
    """The next of those who wait asks."""
    flight, told, calls = Flight[int](), list[int](), [0]

    async def work() -> int:
        calls[0] += 1
        if calls[0] == 1:
            await Event().wait()
        return calls[0]

    scope = CancelScope()

    async def leave() -> None:
        with scope:
            await flight.share(work)

    async def stay() -> None:
        told.append(await flight.share(work))

    async with create_task_group() as group:
        group.start_soon(leave)
        await wait_all_tasks_blocked()
        group.start_soon(stay)
        await wait_all_tasks_blocked()
        scope.cancel()

    assert told == [2]
