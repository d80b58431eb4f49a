"""The message queue examples of the guides: only the import root is ours."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from anyio import to_thread

from intertie.bus import MessageQueueIntegration, QueueConfig
from intertie.event import Event
from tests.bus.peers.server import Broker
from tests.bus.peers.valkey import valkey
from tests.harness import bench
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SUITE = """
suite: guide
api: {port: auto}
services:
  backend: {command: sleep 1000}
  frontend: {command: sleep 1000, depends_on: [backend]}
"""
QUICK_START = """
import asyncio, sys
from intertie.bus import MessageQueueIntegration, OrchestratorQueueBridge, QueueConfig, QueueType
from intertie import SuiteOrchestrator


async def main():
    config = QueueConfig(queue_type=QueueType.REDIS, host="localhost", port={port})
    queue = MessageQueueIntegration(config)
    orchestrator = SuiteOrchestrator()
    bridge = OrchestratorQueueBridge(orchestrator, queue)
    await bridge.setup()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    {end}


asyncio.run(main())
"""
SUBSCRIBER = """
import asyncio, sys
from intertie.bus import *


async def main():
    config = QueueConfig(QueueType.REDIS, host="localhost", port={port})
    queue = MessageQueueIntegration(config)
    await queue.connect()

    async def handle_event(data):
        print("Received event:", data["service"], flush=True)

    await queue.subscribe("suite.service_started", handle_event)
    await queue.publish("suite.control.start", {{"services": ["backend", "frontend"]}})
    await asyncio.to_thread(sys.stdin.readline)
    await queue.close()


asyncio.run(main())
"""


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Broker]:
    """As in the guide: it asks for no password."""
    folder = tmp_path / "valkey"
    folder.mkdir()
    async with valkey(folder, password=None) as broker:
        yield broker


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where the suite file is; nothing of the suite is left there."""
    with bench(tmp_path / "suite") as made:
        made.folder.mkdir()
        made.write(SUITE)
        yield made.folder


@contextmanager
def program(text: str, folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A user's own program, running in the folder."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("INTERTIE")}
    process = subprocess.Popen(
        [sys.executable, "-c", text],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
        process.communicate("\n", timeout=60)
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


async def line(process: "subprocess.Popen[str]") -> str:
    """The next one it prints."""
    assert process.stdout is not None
    return (await to_thread.run_sync(process.stdout.readline)).strip()


def started(
    port: int | None, *, end: str = "await queue.close(); await orchestrator.close()"
) -> str:
    """The quick start."""
    return QUICK_START.format(port=port, end=end)


async def test_commands_and_events_go_over_the_queue(broker: Broker, folder: Path) -> None:
    """The quick start and the Redis example, each in a program of its own."""
    port = broker.config.port
    with program(started(port), folder) as suite:
        assert await line(suite) == "ready"
        with program(SUBSCRIBER.format(port=port), folder) as outside:
            assert await line(outside) == "Received event: backend"
            assert await line(outside) == "Received event: frontend"


async def test_a_command_gets_one_answer(broker: Broker, folder: Path) -> None:
    """However often it is sent; and each other event is there once, too."""
    events: list[Event] = []

    def hear(_: dict[str, object], event: Event) -> None:
        events.append(event)

    def answers(count: int) -> bool:
        return len([e for e in events if e.type == "suite.control.answer"]) >= count

    def starts() -> int:
        types = [event.type for event in events if event.subject == "backend"]
        return types.count("suite.service_started")

    with program(started(broker.config.port), folder) as suite:
        assert await line(suite) == "ready"
        async with MessageQueueIntegration(broker.config) as queue:
            await queue.subscribe("suite.#", hear)
            for _ in range(3):
                data = {"services": ["backend"], "idempotency_key": "deploy-7"}
                await queue.publish("suite.control.start", data)
            await eventually(lambda: answers(1), 60)
            await queue.publish("suite.control.stop", {"services": ["nosuch"]})
            await queue.publish("suite.control.restart", {"services": ["backend"]})
            # Topics keep their order, but not among each other.
            await eventually(lambda: answers(3) and starts() >= 2, 60)

    found = [e.data for e in events if e.type == "suite.control.answer"]
    assert [each["status"] for each in found] == ["done", "refused", "done"]
    assert found[0]["idempotency_key"] == "deploy-7"
    assert "nosuch" in str(found[1]["error"])
    assert len({event.id for event in events}) == len(events)
    assert starts() == 2


async def test_a_program_that_forgets_to_close_leaves_nothing(broker: Broker, folder: Path) -> None:
    """The end of the event loop ends the services: the fixture looks for what is left."""
    with program(started(broker.config.port, end="pass"), folder) as suite:
        assert await line(suite) == "ready"
        config: QueueConfig = broker.config
        async with MessageQueueIntegration(config) as queue:
            got: list[object] = []
            await queue.subscribe("suite.service_started", got.append)
            await queue.publish("suite.control.start", {"services": ["frontend"]})
            await eventually(lambda: len(got) == 2, 60)
