"""Waiting in tests: for a condition, with a deadline, never for a time."""

from collections.abc import Callable

from anyio import fail_after, sleep


async def eventually(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    """Return as soon as it holds; a test that waits longer has failed."""
    with fail_after(within_s):
        while not holds():  # noqa: ASYNC110 — the world outside gives no event
            await sleep(0.002)
