"""From a command on the bus to the event it leads to: `python -m benchmarks.bridge`.

What the service itself takes to start is taken off: the bar is about what is ours.
"""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter

import anyio
from anyio import create_memory_object_stream, create_task_group, fail_after
from anyio.abc import TaskStatus

from benchmarks.table import RESULTS
from intertie.bus import Client, Subscription, connect
from intertie.event import Event
from intertie.runtime.bus_engine import BusEngine
from intertie.suite.bus import QueueConfig
from tests.harness import Bench, bench

ROUNDS = 100
BAR_MS = 20.0

SUITE = """
suite: bridge
api: {port: auto}
bus: {}
services: {a: {command: sleep 1000}}
"""


def main() -> None:
    """Print the percentiles, and keep them under results/."""
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as made:
        made.write(SUITE)
        made.ok("up", "--detach")
        found = anyio.run(measure, made)
    twentieths = quantiles(found, n=20)
    p50, p95 = median(found), twentieths[-1]
    told = f"command to event over the embedded bus, above the service's own start, {ROUNDS} rounds"
    print(f"{told}: p50 {p50:.1f} ms (bar {BAR_MS:g}), p95 {p95:.1f} ms")
    RESULTS.mkdir(exist_ok=True)
    line = f'{{"title": "bridge", "rounds": {ROUNDS}, "p50_ms": {p50:.2f}, "p95_ms": {p95:.2f}}}\n'
    (RESULTS / "bridge.json").write_text(line)


async def measure(made: Bench) -> list[float]:
    """Milliseconds, round by round."""
    found: list[float] = []
    engine = BusEngine(made.state / "bus")
    config = engine.address(QueueConfig(), made.service("bus")["replicas"][0]["port"])
    async with connect(config, source="bench") as client, heard(client) as events:
        for number in range(ROUNDS):
            await client.publish(_command(f"stop {number}"), topic="suite.control.stop")
            await _next(events, "suite.control.answer")
            began = perf_counter()
            await client.publish(_command(f"start {number}"), topic="suite.control.start")
            event = await _next(events, "suite.service_started")
            took_s = event.data["took_s"]
            assert isinstance(took_s, float)  # noqa: S101 - for the types
            found.append((perf_counter() - began - took_s) * 1000)
            await _next(events, "suite.control.answer")
    return found


@asynccontextmanager
async def heard(client: Client) -> AsyncIterator["anyio.abc.ObjectReceiveStream[Event]"]:
    """All events of the suite."""
    send, receive = create_memory_object_stream[Event](1_000)
    async with create_task_group() as group:

        async def consume(*, task_status: TaskStatus[None]) -> None:
            await client.consume(Subscription("suite.#"), send.send, task_status=task_status)

        await group.start(consume)
        with send, receive:
            yield receive
        group.cancel_scope.cancel()


def _command(key: str) -> dict[str, object]:
    return {"services": ["a"], "idempotency_key": key}


async def _next(events: "anyio.abc.ObjectReceiveStream[Event]", type: str) -> Event:
    with fail_after(30):
        while True:
            event = await events.receive()
            if event.type == type:
                return event


if __name__ == "__main__":
    main()
