"""The work that every contestant does, and what is measured of it.

The clock is that of the contestant's process; so is the CPU time, which swings far less than the
messages a second do.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from math import nan
from statistics import quantiles
from time import perf_counter, process_time
from typing import Protocol

from anyio import Event, create_task_group, fail_after

BODY_BYTES = 1024
PUBLISHERS = 64
PREFETCH = 64
GROUP = "bench"

_EMPTY: Mapping[str, str] = {"text": ""}
DATA = {"text": "x" * (BODY_BYTES - len(json.dumps(_EMPTY)))}
"""What libraries that carry objects carry."""
BODY = json.dumps(DATA).encode()
"""The same, for those that carry bytes."""

_PHASE_S = 60.0
_WARM = 200
_WARM_SINGLE = 20

Handle = Callable[[], Awaitable[None]]


class Contestant(Protocol):
    """A client library, connected to its broker."""

    async def prepare(self, topic: str) -> None:
        """Make what a topic needs there, so that messages wait for GROUP from now on."""
        ...

    async def publish(self, topic: str) -> None:
        """One message; returns once the broker has confirmed it."""
        ...

    def consuming(
        self, topic: str, handle: Handle, *, single: bool
    ) -> AbstractAsyncContextManager[None]:
        """Within it GROUP handles the topic's messages and acks each that was handled.

        Up to PREFETCH are in hand. `single`: there will never be more than one at a time, for
        libraries that have to be told.
        """
        ...


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is done in one round."""

    alone_s: float
    """How long a single publisher publishes."""
    messages: int
    """Published by many publishers, then consumed."""
    single: int
    """Sent from end to end one by one; with 0, that is not measured."""


FULL = Amount(alone_s=2.0, messages=10_000, single=1_000)
QUICK = Amount(alone_s=1.0, messages=4_000, single=300)


async def measure(contestant: Contestant, amount: Amount) -> dict[str, float]:
    """One round."""
    for topic in ("warm", "alone", "many", "single"):
        await contestant.prepare(topic)
    await _publish(contestant, "warm", _WARM)
    await _consume(contestant, "warm", _WARM)
    return {
        "publish_1_per_s": await _publish_alone(contestant, amount.alone_s),
        **await _publish(contestant, "many", amount.messages),
        **await _consume(contestant, "many", amount.messages),
        **(await _latency(contestant, amount.single) if amount.single else {}),
    }


async def _publish_alone(contestant: Contestant, seconds: float) -> float:
    with fail_after(_PHASE_S):
        began, count = perf_counter(), 0
        while perf_counter() - began < seconds:
            await contestant.publish("alone")
            count += 1
        return count / (perf_counter() - began)


async def _publish(contestant: Contestant, topic: str, count: int) -> dict[str, float]:
    """PUBLISHERS at once, each waiting for its confirm before its next message."""
    left = iter(range(count))

    async def publisher() -> None:
        for _ in left:
            await contestant.publish(topic)

    with fail_after(_PHASE_S):
        began, cpu = perf_counter(), process_time()
        async with create_task_group() as tasks:
            for _ in range(PUBLISHERS):
                tasks.start_soon(publisher)
    return {
        f"publish_{PUBLISHERS}_per_s": count / (perf_counter() - began),
        "publish_cpu_s_per_10k": (process_time() - cpu) / count * 1e4,
    }


async def _consume(contestant: Contestant, topic: str, count: int) -> dict[str, float]:
    """From the first message handled to the last: joining a group is not what is measured."""
    handled, began, cpu, result = 0, nan, nan, (nan, nan)
    done = Event()

    async def handle() -> None:
        nonlocal handled, began, cpu, result
        handled += 1
        if handled == 1:
            began, cpu = perf_counter(), process_time()
        if handled == count:
            result = perf_counter() - began, process_time() - cpu
            done.set()

    with fail_after(_PHASE_S):
        async with contestant.consuming(topic, handle, single=False):
            await done.wait()
    return {
        "consume_per_s": (count - 1) / result[0],
        "consume_cpu_s_per_10k": result[1] / (count - 1) * 1e4,
    }


async def _latency(contestant: Contestant, count: int) -> dict[str, float]:
    """From the call of publish to the call of the handler."""
    arrived, at = Event(), nan

    async def handle() -> None:
        nonlocal at
        at = perf_counter()
        arrived.set()

    took: list[float] = []
    with fail_after(_PHASE_S):
        async with contestant.consuming("single", handle, single=True):
            for _ in range(count + _WARM_SINGLE):
                arrived = Event()
                began = perf_counter()
                await contestant.publish("single")
                await arrived.wait()
                took.append((at - began) * 1e6)
    parts = quantiles(took[_WARM_SINGLE:], n=100)
    return {"latency_p50_us": parts[49], "latency_p99_us": parts[98]}
