"""The media suite on its bus: what the services tell each other, and everybody else."""

import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from anyio import create_task_group, to_thread

from intertie.bus import MessageQueueIntegration, QueueConfig
from intertie.event import Event
from intertie.runtime.bus_engine import BusEngine
from intertie_media.demo import main as demo
from intertie_media.messages import EXCHANGE
from services.media.tests import samples
from services.media.tests.suite import MediaSuite, media_suite
from tests.waiting import eventually

ENDS = {"asset.viewable", "asset.processed"}

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def replica(suite: MediaSuite, name: str) -> dict[str, Any]:
    """The first one of a service."""
    services = {each["name"]: each for each in json.loads(suite.ask("ps", "--json"))}
    found: dict[str, Any] = services[name]["replicas"][0]
    return found


def options(suite: MediaSuite) -> list[str]:
    """Of the demo."""
    words = dict(zip(suite.options[::2], suite.options[1::2], strict=True))
    return ["--suite", words["--file"], "--env", words["--env"], "--state", words["--state"]]


def lag(suite: MediaSuite, name: str) -> int:
    """How many messages a group has yet to deal with."""
    groups = json.loads(suite.ask("bus", "groups", "--json"))
    (found,) = [group["lag"] for group in groups if group["group"] == name]
    return int(found)


@asynccontextmanager
async def listening(suite: MediaSuite, heard: list[Event]) -> AsyncIterator[None]:
    """A notification service, say: a group of its own, which keeps its place."""
    port = replica(suite, "bus")["port"]
    config = BusEngine(suite.state / "bus").address(QueueConfig(exchange=EXCHANGE), port)

    def hear(_: dict[str, object], event: Event) -> None:
        heard.append(event)

    async with MessageQueueIntegration(config) as queue:
        await queue.subscribe("asset.*", hear, group="notification")
        yield


async def test_other_services_hear_what_becomes_of_an_asset(tmp_path: Path) -> None:
    """In order, in the agreed form, also when the broker is killed in between."""
    film = samples.film(tmp_path / "film.mp4", size="640x360", seconds=4)
    heard: list[Event] = []
    (tmp_path / "suite").mkdir()
    with media_suite(tmp_path / "suite") as suite:
        async with listening(suite, heard), create_task_group() as group:
            group.start_soon(to_thread.run_sync, demo, [str(film), *options(suite)])
            await eventually(lambda: bool(heard), 60)
            os.kill(replica(suite, "bus")["pid"], signal.SIGKILL)
            # Each topic keeps its order; what waits of two topics comes in any.
            await eventually(lambda: {event.type for event in heard} >= ENDS, 60)
        groups = json.loads(suite.ask("bus", "groups", "--json"))

    final = next(event for event in heard if event.type == "asset.processed")
    told = {"assetId", "userId", "status", "metadata", "thumbnailUrl", "streamingUrl", "timestamp"}
    assert told <= set(final.data)
    assert final.data["status"] == "ready"
    assert final.subject == final.data["assetId"]
    assert {"pipeline", "notification"} <= {group["group"] for group in groups}


async def test_a_message_that_is_none_is_a_dead_letter(tmp_path: Path) -> None:
    """The pipeline goes on; one about an asset that is gone is dealt with."""
    with media_suite(tmp_path) as suite:
        suite.ask("bus", "publish", "upload.completed", '{"odd": 1}')
        gone = '{"assetId": "gone", "userId": "ann"}'
        suite.ask("bus", "publish", "upload.completed", gone)
        while not (letters := json.loads(suite.ask("bus", "dead", "list", "pipeline", "--json"))):
            pass

        assert [letter["message"]["data"] for letter in letters] == [{"odd": 1}]
        assert "is not a UploadCompleted" in letters[0]["reason"]
        while lag(suite, "pipeline"):
            pass
