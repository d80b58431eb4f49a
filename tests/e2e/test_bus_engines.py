"""The same suite on each engine: commands are obeyed, events come, its services reach the bus."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal

from intertie.bus import MessageQueueIntegration
from intertie.event import Event
from intertie.suite.bus import QueueConfig
from tests.bus.peers.kafka import kafka
from tests.bus.peers.nats import nats
from tests.bus.peers.rabbitmq import rabbitmq
from tests.bus.peers.server import Broker
from tests.bus.peers.valkey import valkey
from tests.harness import Bench
from tests.waiting import eventually

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

Peer = Callable[[Path], AbstractAsyncContextManager[Broker]]

# Answers each greeting with its own name.
SERVICE = """
import asyncio, os
from intertie.bus import Subscription, connect, parse_url

async def main():
    url = os.environ["INTERTIE_BUS_URL"]
    async with connect(parse_url(url), source="greeter") as client:
        async def greet(event):
            await client.publish({"name": os.environ["INTERTIE_SUITE"]}, topic="greeting.back")
        await client.consume(Subscription("greeting.sent", "greeters", from_start=True), greet)

asyncio.run(main())
"""
SUITE = """
suite: engines
api: {{port: auto}}
bus:
  queue_type: {kind}
  host: {host}
  port: {port}
  exchange: engines-events
  {login}
services:
  greeter: {{command: python greeter.py}}
  other: {{command: sleep 1000}}
"""


@pytest.fixture(scope="module", params=[valkey, nats, rabbitmq, kafka], ids=lambda p: p.__name__)
def config(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[QueueConfig]:
    """Where a broker of one's own is."""
    peer: Peer = request.param
    folder = tmp_path_factory.mktemp(peer.__name__)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(peer(folder)) as made:
        yield made.config


def suite(config: QueueConfig) -> str:
    """It finds the broker, and its password as a secret."""
    login = f"username: {config.username}\n" if config.username else ""
    login += "  password: '${secret:bus}'" if config.password else ""
    return SUITE.format(
        kind=config.queue_type, host=config.host, port=config.port, login=login.strip() or "{}"
    ).replace("  {}\n", "")


async def test_a_suite_works_on_the_broker(config: QueueConfig, bench: Bench) -> None:
    """Out and in, without another word in its file."""
    heard: list[Event] = []

    def hear(_: dict[str, object], event: Event) -> None:
        heard.append(event)

    def came(type: str) -> bool:
        return any(event.type == type for event in heard)

    secret = bench.state / "secrets" / "bus"
    secret.parent.mkdir(parents=True, mode=0o700)
    secret.touch(mode=0o600)
    secret.write_text(config.password or "none")
    (bench.folder / "greeter.py").write_text(SERVICE)
    bench.write(suite(config))
    mine = QueueConfig(**{**vars(config), "exchange": "engines-events"})
    async with MessageQueueIntegration(mine) as queue:
        await queue.subscribe("suite.*", hear)
        await queue.subscribe("suite.control.answer", hear)
        await queue.subscribe("greeting.back", hear)
        bench.ok("up", "--detach")
        while bench.ok("bus", "info", "--json").json()["status"] != "UP":
            pass
        await eventually(lambda: came("suite.service_started"), 60)
        data = {"services": ["other"], "idempotency_key": "once"}
        await queue.publish("suite.control.restart", data)
        await queue.publish("suite.control.restart", data)
        await eventually(lambda: came("suite.control.answer"), 60)
        await queue.publish("greeting.sent", {})
        await eventually(lambda: came("greeting.back"), 60)
        status = {each["group"]: each for each in bench.ok("bus", "groups", "--json").json()}

    answers = [event for event in heard if event.type == "suite.control.answer"]
    assert [event.data["status"] for event in answers] == ["done"]
    assert {"greeters", "intertie-engines"} <= set(status)
    assert (config.password or "none") not in os.environ.values()
