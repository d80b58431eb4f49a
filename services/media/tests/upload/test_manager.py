import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import Event, create_task_group, fail_after

from intertie.errors import AccessDeniedError, NotFoundError
from intertie_media.assets import Assets
from intertie_media.documents import Status, UserId, source_key
from intertie_media.errors import Refused
from intertie_media.storage import Storage
from intertie_media.upload.manager import Uploads
from intertie_media.upload.model import InitBody, UploadId, UploadView
from intertie_media.upload.protocol import MIN_CHUNK_BYTES, Digests
from intertie_media.web import Identity
from services.media.tests.kit import Clock, Ids, settings

pytestmark = pytest.mark.anyio
ANN = Identity(UserId("ann"))
BOB = Identity(UserId("bob"))
DATA = os.urandom(3 * MIN_CHUNK_BYTES + 1000)


@pytest.fixture
def uploads(storage: Storage, clock: Clock, tmp_path: Path) -> Uploads:
    """The manager, with no upload yet."""
    return fresh(storage, clock, tmp_path, Ids())


def fresh(storage: Storage, clock: Clock, tmp_path: Path, ids: Ids) -> Uploads:
    """The manager as it is after a start."""
    place = settings(tmp_path, MEDIA_UPLOAD_EXPIRES_S=3600)
    return Uploads(storage, place, now=clock, new_id=ids)


async def begin(uploads: Uploads, **more: object) -> UploadView:
    """An upload of DATA."""
    body = {"filename": "film.mp4", "size": len(DATA), "chunkSize": MIN_CHUNK_BYTES, **more}
    return await uploads.init(ANN, InitBody.model_validate(body))


async def one(data: bytes) -> AsyncIterator[bytes]:
    """A body in one piece."""
    yield data


async def send(uploads: Uploads, id: UploadId, chunk: int, data: bytes | None = None) -> None:
    """Send a chunk of DATA, or other bytes in its place."""
    start = chunk * MIN_CHUNK_BYTES
    sent = DATA[start : start + MIN_CHUNK_BYTES] if data is None else data
    await uploads.receive(ANN, id, chunk, body=one(sent), digests=Digests())


async def send_all(uploads: Uploads, id: UploadId) -> None:
    """Send all chunks at once."""
    async with create_task_group() as group:
        for chunk in (2, 0, 3, 1):
            group.start_soon(send, uploads, id, chunk)


async def test_chunks_sent_in_parallel_become_the_asset(
    uploads: Uploads, storage: Storage, assets: Assets
) -> None:
    """The original is in the blobs, byte for byte, and nothing is left of the upload."""
    begun = await begin(uploads, title="My film")
    await send_all(uploads, begun.upload_id)

    done = await uploads.complete(ANN, begun.upload_id, sha256=None)

    async with storage.blobs.read(source_key(done.asset_id)) as parts:
        assert b"".join([part async for part in parts]) == DATA
    found = await assets.get(done.asset_id)
    assert (found.status, found.metadata.title) == (Status.UPLOADED, "My film")
    assert found.user_id == "ann"
    assert (await uploads.status(ANN, begun.upload_id)).state == "completed"


async def test_status_names_what_is_missing(uploads: Uploads) -> None:
    """A client that lost count goes on where it was."""
    begun = await begin(uploads)
    await send(uploads, begun.upload_id, 1)

    found = await uploads.status(ANN, begun.upload_id)

    assert begun.missing == [(0, 3)]
    assert found.missing == [(0, 0), (2, 3)]
    assert found.received_bytes == MIN_CHUNK_BYTES


async def test_completing_twice_makes_one_asset(uploads: Uploads, assets: Assets) -> None:
    """Also when both requests come at once."""
    begun = await begin(uploads)
    await send_all(uploads, begun.upload_id)
    made = set[str]()

    async def complete() -> None:
        made.add((await uploads.complete(ANN, begun.upload_id, sha256=None)).asset_id)

    async with create_task_group() as group:
        group.start_soon(complete)
        group.start_soon(complete)
    await complete()

    assert len(made) == 1
    assert (await assets.of_user(ANN.user, page=1, limit=10)).total == 1


async def test_completing_too_early_is_refused(uploads: Uploads) -> None:
    """And the upload goes on."""
    begun = await begin(uploads)
    await send(uploads, begun.upload_id, 0)

    with pytest.raises(Refused, match="chunks 1-3 are missing"):
        await uploads.complete(ANN, begun.upload_id, sha256=None)

    await send_all(uploads, begun.upload_id)
    await uploads.complete(ANN, begun.upload_id, sha256=None)


@pytest.mark.parametrize("early", [True, False])
async def test_the_sha256_of_the_whole_is_checked(uploads: Uploads, early: bool) -> None:
    """Whether it was told at the beginning or at the end."""
    wrong, right = "00" * 32, hashlib.sha256(DATA).hexdigest()
    begun = await begin(uploads, **({"sha256": wrong} if early else {}))
    await send_all(uploads, begun.upload_id)

    with pytest.raises(Refused) as caught:
        await uploads.complete(ANN, begun.upload_id, sha256=None if early else wrong)

    assert caught.value.status == 460
    await uploads.complete(ANN, begun.upload_id, sha256=right)


async def test_a_restarted_manager_knows_what_was_received(
    uploads: Uploads, storage: Storage, clock: Clock, tmp_path: Path
) -> None:
    """Only what was under way has to be sent again."""
    begun = await begin(uploads)
    await send(uploads, begun.upload_id, 3)
    await send(uploads, begun.upload_id, 0)

    again = fresh(storage, clock, tmp_path, Ids())

    assert (await again.status(ANN, begun.upload_id)).missing == [(1, 2)]
    await send_all(again, begun.upload_id)
    await again.complete(ANN, begun.upload_id, sha256=hashlib.sha256(DATA).hexdigest())


async def test_a_crash_while_completing_is_made_good(
    uploads: Uploads, storage: Storage, assets: Assets, clock: Clock, tmp_path: Path
) -> None:
    """The bytes were handed over, but not noted: the next manager goes on from there."""
    begun = await begin(uploads)
    await send_all(uploads, begun.upload_id)
    done = await uploads.complete(ANN, begun.upload_id, sha256=None)
    half = done.model_copy(update={"state": "completing"})
    await storage.records.put("media-uploads", half.id, half.model_dump(mode="json"))
    await storage.records.delete("media-assets", done.asset_id)

    again = fresh(storage, clock, tmp_path, Ids())
    await again.tidy()

    assert (await again.status(ANN, begun.upload_id)).state == "completed"
    assert (await assets.get(done.asset_id)).status == Status.UPLOADED


async def test_others_have_no_access(uploads: Uploads) -> None:
    """An upload is its owner's, even if the id is known."""
    begun = await begin(uploads)
    id = begun.upload_id

    with pytest.raises(AccessDeniedError):
        await uploads.status(BOB, id)
    with pytest.raises(AccessDeniedError):
        await uploads.receive(BOB, id, 0, body=one(b""), digests=Digests())
    with pytest.raises(AccessDeniedError):
        await uploads.complete(BOB, id, sha256=None)
    with pytest.raises(AccessDeniedError):
        await uploads.abort(BOB, id)


async def test_an_aborted_upload_leaves_nothing(uploads: Uploads, tmp_path: Path) -> None:
    """Its bytes are gone, and a sender under way is stopped."""
    begun = await begin(uploads)
    began, told = Event(), list[str]()

    async def slowly() -> AsyncIterator[bytes]:
        began.set()
        yield b"first"
        await Event().wait()

    async def hang() -> None:
        try:
            await uploads.receive(ANN, begun.upload_id, 0, body=slowly(), digests=Digests())
        except Refused as exc:
            told.append(exc.code)

    with fail_after(30):
        async with create_task_group() as group:
            group.start_soon(hang)
            await began.wait()
            await uploads.abort(ANN, begun.upload_id)

    assert told == ["superseded"]
    assert list((tmp_path / "uploads").iterdir()) == []
    with pytest.raises(NotFoundError):
        await uploads.status(ANN, begun.upload_id)


async def test_a_completed_upload_is_not_aborted(uploads: Uploads) -> None:
    """It is an asset now."""
    begun = await begin(uploads)
    await send_all(uploads, begun.upload_id)
    await uploads.complete(ANN, begun.upload_id, sha256=None)

    with pytest.raises(Refused, match="delete the asset instead"):
        await uploads.abort(ANN, begun.upload_id)
    with pytest.raises(Refused, match="it is complete"):
        await send(uploads, begun.upload_id, 0)


async def test_an_upload_nobody_goes_on_with_expires(
    uploads: Uploads, clock: Clock, tmp_path: Path
) -> None:
    """Its bytes go; its owner is told."""
    begun = await begin(uploads)
    changed_at = (tmp_path / "uploads" / begun.upload_id / "journal").stat().st_mtime
    clock.at = clock.at.fromtimestamp(changed_at, clock.at.tzinfo)
    clock.pass_by(3599)
    await uploads.tidy()
    await send(uploads, begun.upload_id, 0)

    clock.pass_by(7200)
    await uploads.tidy()

    assert list((tmp_path / "uploads").iterdir()) == []
    with pytest.raises(Refused) as caught:
        await uploads.status(ANN, begun.upload_id)
    assert (caught.value.status, caught.value.code) == (410, "expired")


async def test_a_damaged_chunk_is_not_taken(uploads: Uploads) -> None:
    """It stays missing, and may be sent again."""
    begun = await begin(uploads)
    sent = DATA[:MIN_CHUNK_BYTES]

    with pytest.raises(Refused) as caught:
        await uploads.receive(ANN, begun.upload_id, 0, body=one(sent), digests=Digests(crc32=1))

    assert caught.value.status == 460
    assert (await uploads.status(ANN, begun.upload_id)).missing == [(0, 3)]
