"""A Valkey for the counters, and gateways that share it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from anyio import create_task_group, fail_after, sleep

from intertie.limits.counters import Account
from intertie.limits.decide import MICROSECONDS, Algorithm, Meter, Policy
from intertie.limits.lease import LEASE_US, SHORTEST_US
from intertie.limits.shared import SharedCounters
from intertie.suite.bus import QueueConfig


def account(*windows: tuple[int, int], name: str = "ada", kind: Algorithm = "sliding") -> Account:
    """Held against windows of (count, seconds)."""
    meters = []
    for count, period_s in windows:
        period_us = period_s * MICROSECONDS
        lag_us = LEASE_US if period_us >= SHORTEST_US else 0
        policy = Policy(f"p{period_s}", count, period_us, kind, lag_us)
        meters.append(Meter(f"{name}|{kind}-{period_s}", policy))
    return Account(name, "acme", tuple(meters))


async def until(holds: Callable[[], Awaitable[bool]], within_s: float = 60.0) -> None:
    """As `eventually`, of what must be asked for."""
    with fail_after(within_s):
        while not await holds():  # noqa: ASYNC110 - the world outside gives no event
            await sleep(0.01)


@asynccontextmanager
async def gateways(
    config: QueueConfig, number: int = 1, **options: Any
) -> AsyncIterator[list[SharedCounters]]:
    """So many that count together; their connections are gone afterwards."""
    # Far longer than 50 ms: a busy machine must not look like an outage.
    made = [SharedCounters(config, **{"timeout_s": 10.0, **options}) for _ in range(number)]
    async with create_task_group() as group:
        for each in made:
            await group.start(each.run)
        yield made
        group.cancel_scope.cancel()
