from collections.abc import AsyncIterator

import httpx
import pytest

from intertie_media.assets import Assets
from intertie_media.documents import Failure, Status
from intertie_media.storage import Storage
from intertie_media.streaming.access import Access
from intertie_media.streaming.app import StreamingApi, streaming_app
from services.media.tests.kit import ADMIN, ANN, BOB, asset, client

pytestmark = pytest.mark.anyio
STREAM = "/api/media/media/a1/hls/v1/master.m3u8"


@pytest.fixture
async def http(storage: Storage, assets: Assets) -> AsyncIterator[httpx.AsyncClient]:
    """Ann's; with one asset that plays."""
    shown = {"version": 1, "streaming_url": STREAM, "thumbnail_url": "/p", "rungs": ("360p",)}
    await assets.create(asset(status=Status.VIEWABLE).model_copy(update=shown))
    for name in ("master.m3u8", "360p/index.m3u8", "360p/00000.m4s", "360p/init.mp4", "poster.jpg"):
        await storage.blobs.put(f"a1/v1/{name}", name.encode())
    await storage.blobs.put("a1/source", b"the original")
    await storage.blobs.put("a1/v1/notes.txt", b"not ours to show")
    app = streaming_app(StreamingApi(assets, storage.blobs, Access(assets, clock=lambda: 0.0)))
    async with client(app, ANN) as http:
        yield http


async def test_where_the_stream_is(http: httpx.AsyncClient) -> None:
    """The agreed members, and what plays there."""
    found = (await http.get("/media/a1/stream")).json()

    assert found["streamingUrl"] == STREAM
    assert (found["assetId"], found["status"], found["rungs"]) == ("a1", "viewable", ["360p"])


@pytest.mark.parametrize(
    ("path", "media_type", "cache"),
    [
        ("master.m3u8", "application/vnd.apple.mpegurl", "private, no-cache"),
        ("360p/index.m3u8", "application/vnd.apple.mpegurl", "private, no-cache"),
        ("360p/00000.m4s", "video/iso.segment", "private, max-age=31536000, immutable"),
        ("360p/init.mp4", "video/mp4", "private, max-age=31536000, immutable"),
    ],
)
async def test_playlists_are_asked_for_again_segments_never(
    http: httpx.AsyncClient, path: str, media_type: str, cache: str
) -> None:
    """Each with its media type."""
    answer = await http.get(f"/media/a1/hls/v1/{path}")

    assert (answer.status_code, answer.text) == (200, path)
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == cache


async def test_the_poster(http: httpx.AsyncClient) -> None:
    """Of the version that plays."""
    answer = await http.get("/media/a1/poster")

    assert (answer.text, answer.headers["content-type"]) == ("poster.jpg", "image/jpeg")


@pytest.mark.parametrize(
    "path",
    [
        "v1/notes.txt",
        "v1/../source",
        "v1/%2e%2e/source",
        "v1/360p/../../source",
        "../a1/source",
        "v1//master.m3u8",
        "v1/a/b/c.m4s",
        "v0/master.m3u8",
        "v1/.hidden.m4s",
        "v1/360p/index.m3u8%00.mp4",
        "v1\\master.m3u8",
        "v2/master.m3u8",
        "",
    ],
)
async def test_nothing_else_is_served(http: httpx.AsyncClient, path: str) -> None:
    """Neither originals nor neighbours nor names that nobody published."""
    answer = await http.get(f"/media/a1/hls/{path}")

    assert answer.status_code == 404


@pytest.mark.parametrize(
    "path", ["stream", "hls/v1/master.m3u8", "hls/v1/360p/00000.m4s", "poster"]
)
async def test_every_file_is_its_owners(http: httpx.AsyncClient, path: str) -> None:
    """403 for others, 401 for nobody, 404 for what is not there, 200 for an admin."""
    statuses = [
        (await http.get(f"/media/a1/{path}", headers=headers)).status_code
        for headers in (BOB, {"x-forwarded-user": ""}, ADMIN)
    ]

    assert statuses == [403, 401, 200]
    assert (await http.get(f"/media/nope/{path}")).status_code == 404


async def test_what_cannot_be_played_yet_is_a_conflict(
    http: httpx.AsyncClient, assets: Assets
) -> None:
    """A client may ask again; for a failed one it learns why."""
    error = Failure(code="not_media", message="cannot take this file: it is no video", kind="input")
    await assets.create(asset("new"))
    await assets.create(asset("bad", status=Status.FAILED, error=error))

    new = await http.get("/media/new/stream")
    bad = await http.get("/media/bad/stream")

    assert (new.status_code, new.json()["code"]) == (409, "not_playable")
    assert (bad.status_code, bad.json()["code"]) == (409, "failed")
    assert "it is no video" in bad.json()["detail"]
    assert (await http.get("/media/new/poster")).status_code == 404
