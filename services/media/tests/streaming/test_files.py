import os
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intertie.store.local import LocalBlobs
from intertie_media.streaming.files import IMMUTABLE, READ_BYTES, REVALIDATE, send_blob
from intertie_media.web import application
from services.media.tests.kit import client

pytestmark = pytest.mark.anyio
LARGE = os.urandom(READ_BYTES * 2 + 7)


class Remote(LocalBlobs):
    """Blobs that are not files on this machine."""

    def path(self, key: str) -> None:
        """None, as a remote store answers."""


@pytest.fixture(params=[LocalBlobs, Remote])
def blobs(tmp_path: Path, request: pytest.FixtureRequest) -> LocalBlobs:
    """Local and remote ones behave alike."""
    made: LocalBlobs = request.param(tmp_path)
    return made


@pytest.fixture
async def http(blobs: LocalBlobs) -> AsyncIterator[httpx.AsyncClient]:
    """Sends blob `/i/x` as one that never changes, `/c/x` as one that may."""

    async def send(request: Request) -> Response:
        cache = IMMUTABLE if request.path_params["kind"] == "i" else REVALIDATE
        key = request.path_params["key"]
        return await send_blob(blobs, key, request, media_type="video/mp4", cache=cache)

    await blobs.put("small", b"0123456789")
    await blobs.put("large", LARGE)
    async with client(application([Route("/{kind}/{key}", send)])) as http:
        yield http


@pytest.mark.parametrize("kind", ["i", "c"])
async def test_a_blob_is_sent_whole(http: httpx.AsyncClient, kind: str) -> None:
    """With its type, its length and a tag."""
    answer = await http.get(f"/{kind}/small")

    assert (answer.status_code, answer.content) == (200, b"0123456789")
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-length"] == "10"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("kind", ["i", "c"])
async def test_a_part_is_sent_alone(http: httpx.AsyncClient, kind: str) -> None:
    """With its place in the whole."""
    answer = await http.get(f"/{kind}/small", headers={"range": "bytes=2-4"})

    assert (answer.status_code, answer.content) == (206, b"234")
    assert answer.headers["content-range"] == "bytes 2-4/10"


async def test_a_large_blob_is_sent_in_pieces(http: httpx.AsyncClient) -> None:
    """Byte for byte, whole or in part."""
    whole = await http.get("/i/large")
    part = await http.get("/i/large", headers={"range": f"bytes=5-{READ_BYTES + 10}"})

    assert whole.content == LARGE
    assert part.content == LARGE[5 : READ_BYTES + 11]


@pytest.mark.parametrize("kind", ["i", "c"])
async def test_an_unchanged_blob_is_not_sent_again(http: httpx.AsyncClient, kind: str) -> None:
    """The tag answers for it."""
    tag = (await http.get(f"/{kind}/small")).headers["etag"]

    answer = await http.get(f"/{kind}/small", headers={"if-none-match": tag})

    assert (answer.status_code, answer.content) == (304, b"")


async def test_a_changed_blob_has_another_tag(http: httpx.AsyncClient, blobs: LocalBlobs) -> None:
    """A growing playlist is never taken for its older self."""
    before = (await http.get("/c/small")).headers["etag"]
    await blobs.put("small", b"9876543210")

    assert (await http.get("/c/small")).headers["etag"] != before


async def test_head_has_the_headers_only(http: httpx.AsyncClient) -> None:
    """As GET would have them."""
    answer = await http.head("/i/large")

    assert answer.headers["content-length"] == str(len(LARGE))
    assert answer.content == b""


@pytest.mark.parametrize("kind", ["i", "c"])
async def test_a_blob_that_is_not_there_is_answered_404(http: httpx.AsyncClient, kind: str) -> None:
    """As a problem document."""
    assert (await http.get(f"/{kind}/nope")).status_code == 404
