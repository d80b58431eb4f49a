import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from anyio import fail_after, sleep
from starlette.applications import Starlette

from intertie_media.assets import Assets
from intertie_media.documents import Asset, AssetId, Status, source_key
from intertie_media.messages import AssetEvent
from intertie_media.pipeline.app import PipelineApi, pipeline_app
from intertie_media.pipeline.event import Hub
from intertie_media.pipeline.jobs import Jobs
from intertie_media.storage import Storage
from services.media.tests import samples
from services.media.tests.kit import (
    ANN,
    BOB,
    START,
    Clock,
    asset,
    client,
    free_port,
    live,
    service,
    settings,
)

pytestmark = pytest.mark.anyio


@pytest.fixture
def hub() -> Hub:
    """Where the test publishes."""
    return Hub()


@pytest.fixture
def app(storage: Storage, assets: Assets, clock: Clock, hub: Hub) -> Starlette:
    """The pipeline without its workers."""
    jobs = Jobs(storage.records, holder="pipeline/0", now=clock)
    return pipeline_app(PipelineApi(jobs, assets, hub))


@pytest.fixture
async def http(app: Starlette, assets: Assets) -> AsyncIterator[httpx.AsyncClient]:
    """Ann's."""
    await assets.create(asset())
    async with client(app, ANN) as http:
        yield http


async def test_a_job_is_its_owners_to_see(
    http: httpx.AsyncClient, storage: Storage, clock: Clock
) -> None:
    """With how far it is."""
    await Jobs(storage.records, holder="pipeline/0", now=clock).add(asset())

    assert (await http.get("/jobs/a1")).json()["attempt"] == 0
    assert (await http.get("/jobs/a1", headers=BOB)).status_code == 403
    assert (await http.get("/jobs/nope")).status_code == 404


async def test_events_of_others_assets_are_refused(http: httpx.AsyncClient) -> None:
    """Before a stream is opened."""
    theirs = await http.get("/events?assetId=a1", headers=BOB)
    unknown = await http.get("/events?assetId=nope")

    assert (theirs.status_code, unknown.status_code) == (403, 404)


async def test_events_come_as_they_happen_after_the_present_state(
    app: Starlette, assets: Assets, hub: Hub, tmp_path: Path
) -> None:
    """Over a real connection; with the last id, only what was missed."""
    await assets.create(asset())
    place = settings(tmp_path, PORT=free_port())
    with fail_after(30):
        async with live(app, place, ANN) as http:
            async with http.stream("GET", "/events?assetId=a1") as answer:
                lines = answer.aiter_lines()
                assert answer.headers["content-type"].startswith("text/event-stream")
                assert await _event(lines) == ("asset.status", "uploaded", None)
                hub.publish("asset.viewable", AssetEvent.of(asset(status="viewable"), START))
                kind, status, id = await _event(lines)
                assert (kind, status) == ("asset.viewable", "viewable")
            hub.publish("asset.processed", AssetEvent.of(asset(status="ready"), START))
            headers = {"last-event-id": str(id)}
            async with http.stream("GET", "/events?assetId=a1", headers=headers) as answer:
                kind, status, _ = await _event(answer.aiter_lines())
                assert (kind, status) == ("asset.processed", "ready")
            hub.close()


@pytest.mark.slow
async def test_a_killed_pipeline_goes_on_with_its_job_after_the_restart(
    storage: Storage, assets: Assets, tmp_path: Path
) -> None:
    """At once, without waiting for its own lease, and under new names."""
    film = samples.film(tmp_path / "film.mp4", size="1280x720", seconds=20)
    await storage.blobs.put_file(source_key(AssetId("a1")), film)
    await assets.create(asset())

    async def until(*statuses: Status) -> Asset:
        while (  # noqa: ASYNC110 — another process gives no event
            found := await assets.get(AssetId("a1"))
        ).status not in statuses:
            await sleep(0.02)
        return found

    with fail_after(150):
        with service("pipeline", tmp_path, free_port()) as process:
            await until(Status.PROCESSING, Status.VIEWABLE)
            process.kill()
        with service("pipeline", tmp_path, free_port()):
            found = await until(Status.READY, Status.FAILED)

    assert (found.status, found.version) == (Status.READY, 2)
    assert await storage.blobs.keys("a1/v1") == []


async def _event(lines: AsyncIterator[str]) -> tuple[str, str, str | None]:
    """Kind, status and id of the next event."""
    found: dict[str, str] = {}
    async for line in lines:
        name, colon, value = line.partition(": ")
        if name and colon:
            found[name] = value
        if not line and "data" in found:
            break
    return found["event"], json.loads(found["data"])["status"], found.get("id")
