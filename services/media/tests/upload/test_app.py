import hashlib
import os
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from intertie_media.storage import Storage
from intertie_media.upload.app import UploadApi, upload_app
from intertie_media.upload.manager import Uploads
from intertie_media.upload.model import Upload
from intertie_media.upload.protocol import MIN_CHUNK_BYTES
from services.media.tests.kit import (
    ADMIN,
    ANN,
    BOB,
    Clock,
    Ids,
    client,
    free_port,
    live,
    service,
    settings,
)

DATA = os.urandom(2 * MIN_CHUNK_BYTES)
INIT = {"filename": "film.mp4", "size": len(DATA), "chunkSize": MIN_CHUNK_BYTES}


class Peer:
    """Stands for the pipeline: remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[Upload] = []

    async def tell(self, upload: Upload) -> None:
        """An upload is complete."""
        self.told.append(upload)


@pytest.fixture
def peer() -> Peer:
    """Told of nothing yet."""
    return Peer()


@pytest.fixture
async def http(
    storage: Storage, clock: Clock, tmp_path: Path, peer: Peer
) -> AsyncIterator[httpx.AsyncClient]:
    """Ann's."""
    uploads = Uploads(storage, settings(tmp_path), now=clock, new_id=Ids())
    api = UploadApi(uploads, peer.tell, public_path="/api/media")
    async with client(upload_app(api), ANN) as http:
        yield http


async def put(http: httpx.AsyncClient, id: str, chunk: int, **headers: str) -> httpx.Response:
    """Send a chunk of DATA."""
    data = DATA[chunk * MIN_CHUNK_BYTES :][:MIN_CHUNK_BYTES]
    return await http.put(f"/uploads/{id}/chunks/{chunk}", content=data, headers=headers)


@pytest.mark.anyio
async def test_the_whole_way(http: httpx.AsyncClient, peer: Peer) -> None:
    """init, chunks in any order, complete: the pipeline is told of the asset."""
    begun = await http.post("/uploads/init", json=INIT)
    id = begun.json()["uploadId"]
    assert begun.status_code == 201
    assert begun.headers["location"] == f"/api/media/uploads/{id}"
    assert (begun.json()["chunks"], begun.json()["chunkSize"]) == (2, MIN_CHUNK_BYTES)

    for chunk in (1, 0):
        crc = f"{zlib.crc32(DATA[chunk * MIN_CHUNK_BYTES :][:MIN_CHUNK_BYTES]):08x}"
        answer = await put(http, id, chunk, **{"x-chunk-crc32": crc})
        assert (answer.status_code, answer.json()["crc32"]) == (200, crc)
    done = await http.post(f"/uploads/{id}/complete")

    assert done.status_code == 201
    asset = done.json()["assetId"]
    assert done.headers["location"] == f"/api/media/media/{asset}"
    assert [(upload.asset_id, upload.user_id) for upload in peer.told] == [(asset, "ann")]


@pytest.mark.anyio
async def test_a_wrong_crc_is_answered_460(http: httpx.AsyncClient) -> None:
    """The client learns that the bytes were damaged on the way."""
    id = (await http.post("/uploads/init", json=INIT)).json()["uploadId"]

    answer = await put(http, id, 0, **{"x-chunk-crc32": "00000000"})

    assert (answer.status_code, answer.json()["code"]) == (460, "checksum_mismatch")


@pytest.mark.anyio
async def test_completing_early_is_answered_409_with_the_gaps(http: httpx.AsyncClient) -> None:
    """Programs find the missing ranges in the answer."""
    id = (await http.post("/uploads/init", json=INIT)).json()["uploadId"]
    await put(http, id, 0)

    answer = await http.post(f"/uploads/{id}/complete")

    assert (answer.status_code, answer.json()["missing"]) == (409, [[1, 1]])


@pytest.mark.anyio
async def test_status_and_abort(http: httpx.AsyncClient) -> None:
    """An upload can be asked for until it is deleted."""
    id = (await http.post("/uploads/init", json=INIT)).json()["uploadId"]
    await put(http, id, 1)

    found = (await http.get(f"/uploads/{id}")).json()
    gone = await http.delete(f"/uploads/{id}")

    assert (found["state"], found["missing"]) == ("open", [[0, 0]])
    assert gone.status_code == 204
    assert (await http.get(f"/uploads/{id}")).status_code == 404


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/uploads/{id}"),
        ("DELETE", "/uploads/{id}"),
        ("PUT", "/uploads/{id}/chunks/0"),
        ("POST", "/uploads/{id}/complete"),
    ],
)
async def test_others_are_answered_403_and_nobody_401(
    http: httpx.AsyncClient, method: str, path: str
) -> None:
    """Owner checks are on every route."""
    id = (await http.post("/uploads/init", json=INIT)).json()["uploadId"]

    theirs = await http.request(method, path.format(id=id), headers=BOB)
    nobodys = await http.request(method, path.format(id=id), headers={"x-forwarded-user": ""})

    assert (theirs.status_code, nobodys.status_code) == (403, 401)


@pytest.mark.anyio
@pytest.mark.parametrize("chunk", ["2", "99999999999999999999", "x", "-1"])
async def test_a_chunk_that_is_not_there_is_answered_404(
    http: httpx.AsyncClient, chunk: str
) -> None:
    """Whatever is written in its place."""
    id = (await http.post("/uploads/init", json=INIT)).json()["uploadId"]

    assert (await http.put(f"/uploads/{id}/chunks/{chunk}", content=b"x")).status_code == 404


@pytest.mark.anyio
async def test_more_than_a_chunk_is_cut_off(
    storage: Storage, clock: Clock, tmp_path: Path, peer: Peer
) -> None:
    """Over a real connection, the rest of a long body is not waited for."""
    place = settings(tmp_path, PORT=free_port())
    uploads = Uploads(storage, place, now=clock, new_id=Ids())

    async def far_too_much() -> AsyncIterator[bytes]:
        for _ in range(10_000):
            yield bytes(65536)

    api = UploadApi(uploads, peer.tell, public_path="")
    async with live(upload_app(api), place, ANN) as http:
        id = (await http.post("/uploads/init", json=INIT)).json()["uploadId"]
        # Depending on who is quicker, the answer is read or the connection found closed.
        with suppress(httpx.TransportError):
            answer = await http.put(f"/uploads/{id}/chunks/0", content=far_too_much())
            assert answer.status_code == 413
        assert (await http.get(f"/uploads/{id}")).json()["missing"] == [[0, 1]]


@pytest.mark.slow
def test_kill_in_mid_upload_loses_at_most_the_chunk_under_way(tmp_path: Path) -> None:
    """What was acknowledged before kill -9 is there after the restart, and the file is right."""
    port, data = free_port(), os.urandom(20 * MIN_CHUNK_BYTES)
    base_url = f"http://127.0.0.1:{port}"
    init = {"filename": "film.mp4", "size": len(data), "chunkSize": MIN_CHUNK_BYTES}
    taken = 0
    with httpx.Client(base_url=base_url, headers=ANN, trust_env=False) as http:
        with service("upload", tmp_path, port) as process:
            id = http.post("/uploads/init", json=init).json()["uploadId"]
            for chunk in range(10):
                part = data[chunk * MIN_CHUNK_BYTES :][:MIN_CHUNK_BYTES]
                taken += http.put(f"/uploads/{id}/chunks/{chunk}", content=part).is_success

            def half() -> Iterator[bytes]:
                yield data[10 * MIN_CHUNK_BYTES :][: MIN_CHUNK_BYTES // 2]
                process.kill()

            with pytest.raises(httpx.HTTPError):
                http.put(f"/uploads/{id}/chunks/10", content=half())

        with service("upload", tmp_path, port):
            missing = http.get(f"/uploads/{id}").json()["missing"]
            assert (taken, missing) == (10, [[10, 19]])
            for chunk in range(10, 20):
                part = data[chunk * MIN_CHUNK_BYTES :][:MIN_CHUNK_BYTES]
                http.put(f"/uploads/{id}/chunks/{chunk}", content=part).raise_for_status()
            body = {"sha256": hashlib.sha256(data).hexdigest()}
            assert http.post(f"/uploads/{id}/complete", json=body).status_code == 201


@pytest.mark.anyio
async def test_who_goes_before_others_is_an_administrators_choice(http: httpx.AsyncClient) -> None:
    """Anybody may let others pass."""
    high = await http.post("/uploads/init", json={**INIT, "priority": "high"})
    low = await http.post("/uploads/init", json={**INIT, "priority": "low"})
    theirs = await http.post("/uploads/init", json={**INIT, "priority": "high"}, headers=ADMIN)
    nonsense = await http.post("/uploads/init", json={**INIT, "priority": "urgent"})

    assert [each.status_code for each in (high, low, theirs, nonsense)] == [403, 201, 201, 422]
