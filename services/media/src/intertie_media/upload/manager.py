"""What can be done with uploads. Knows documents, files and who may; knows no HTTP."""

import logging
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus

from anyio import Lock, fail_after, to_thread

from intertie.errors import AccessDeniedError, NotFoundError
from intertie_media.assets import Assets
from intertie_media.documents import (
    UPLOADS,
    Asset,
    AssetId,
    Metadata,
    Progress,
    Status,
    Timings,
    source_key,
)
from intertie_media.errors import CHECKSUM_MISMATCH, Refused
from intertie_media.settings import Settings
from intertie_media.storage import Storage
from intertie_media.upload.model import ChunkView, InitBody, Upload, UploadId, UploadView, view
from intertie_media.upload.protocol import Digests, Received, Reception
from intertie_media.upload.quota import Quota
from intertie_media.upload.store import UploadFolder, write_at
from intertie_media.upload.turns import Turns
from intertie_media.web import Identity

log = logging.getLogger(__name__)

WRITE_BYTES = 1 << 20
SILENCE_S = 60.0
"""A sender from whom nothing comes for so long is given up."""


@dataclass(slots=True)
class _Open:
    """An upload that chunks may come for, as this process knows it."""

    upload: Upload
    folder: UploadFolder
    received: Received
    turns: Turns = field(default_factory=Turns)
    completing: Lock = field(default_factory=Lock)


class Uploads:
    """All uploads. One process has them at a time: it keeps what is received in memory."""

    def __init__(
        self,
        storage: Storage,
        settings: Settings,
        *,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
    ) -> None:
        self._storage = storage
        self._settings = settings
        self._now = now
        self._new_id = new_id
        self._assets = Assets(storage.records, now=now)
        self._quota = Quota(storage.records, settings)
        self._open: dict[UploadId, _Open] = {}

    async def init(self, who: Identity, body: InitBody) -> UploadView:
        """Begin an upload. Raises Refused (413, 429, 507), AccessDeniedError."""
        if body.priority == "high" and not who.is_admin:
            raise AccessDeniedError("cannot go before others: access denied, use priority normal")
        upload = Upload(
            id=UploadId(self._new_id()),
            user_id=who.user,
            asset_id=AssetId(self._new_id()),
            filename=body.filename,
            title=body.title,
            content_type=body.content_type,
            size_bytes=body.size_bytes,
            chunk_bytes=body.chunk_bytes,
            sha256=body.sha256,
            priority=body.priority,
            created_at=self._now(),
        )
        folder = self._folder(upload.id)
        async with self._quota.room_for(who.user, upload.size_bytes):
            await to_thread.run_sync(folder.create, upload.size_bytes)
            await self._put(upload)
        opened = self._open[upload.id] = _Open(upload, folder, Received(upload.layout))
        log.info("upload begun", extra={"upload": upload.id, "size_bytes": upload.size_bytes})
        return await self._view(opened)

    async def receive(
        self,
        who: Identity,
        id: UploadId,
        chunk: int,
        *,
        body: AsyncIterator[bytes],
        digests: Digests,
    ) -> ChunkView:
        """Take one chunk. Raises Refused for what the protocol does not allow."""
        opened = await self._opened(who, id)
        span = opened.upload.layout.span(chunk)
        async with opened.turns.take(chunk):
            taken = opened.received.crcs.get(chunk)
            reception = Reception(span, digests, taken)
            descriptor = await to_thread.run_sync(opened.folder.open)
            try:
                await _pump(body, reception, descriptor)
                crc = reception.finish()
                if taken is None:
                    await to_thread.run_sync(opened.folder.commit, descriptor, chunk, crc)
                    opened.received.crcs[chunk] = crc
            finally:
                os.close(descriptor)
        return ChunkView(
            upload_id=id,
            chunk=chunk,
            crc32=f"{crc:08x}",
            received_bytes=opened.received.size_bytes,
            size=opened.upload.size_bytes,
        )

    async def status(self, who: Identity, id: UploadId) -> UploadView:
        """What was received and what is missing."""
        upload = await self._owned(who, id)
        if upload.state in {"completing", "completed"}:
            return view(upload, None, None)
        return await self._view(await self._opened(who, id))

    async def complete(self, who: Identity, id: UploadId, *, sha256: str | None) -> Upload:
        """Make an asset of it. Done twice, it gives the same asset.

        Raises Refused: 409 while chunks are missing, 460 when the whole has another sha256.
        """
        asked_at = self._now()
        upload = await self._owned(who, id)
        if upload.state == "completed":
            return upload
        opened = await self._opened(who, id)
        async with opened.completing:
            if opened.upload.state == "open":
                await self._check(opened, sha256 or opened.upload.sha256)
                await self._change(opened, {"state": "completing", "completed_at": asked_at})
            if opened.upload.state == "completing":
                await self._hand_over(opened)
        return opened.upload

    async def abort(self, who: Identity, id: UploadId) -> None:
        """Forget an upload and all its bytes. A completed one is an asset: delete that."""
        upload = await self._owned(who, id)
        if upload.state in {"completing", "completed"}:
            raise Refused(
                "cannot abort the upload: it is complete; delete the asset instead",
                status=HTTPStatus.CONFLICT,
                code="completed",
            )
        await self._storage.records.delete(UPLOADS, id)
        await self._drop(id)

    async def tidy(self) -> None:
        """Finish what a crash left half complete, and expire what nobody goes on with."""
        for upload in await self._in_state("completing"):
            await self.complete(Identity(upload.user_id), upload.id, sha256=None)
        for upload in await self._in_state("open"):
            if await self._idle_s(upload) > self._settings.upload_expires_s:
                await self._put(upload.model_copy(update={"state": "expired"}))
                await self._drop(upload.id)
                log.info("upload expired", extra={"upload": upload.id})

    async def _check(self, opened: _Open, sha256: str | None) -> None:
        opened.received.must_be_complete()
        if sha256 is None:
            return
        found = await to_thread.run_sync(opened.folder.sha256)
        if found != sha256:
            raise Refused(
                f"cannot complete the upload: the file has sha256 {found}, not {sha256}",
                status=CHECKSUM_MISMATCH,
                code="checksum_mismatch",
                sha256=found,
            )

    async def _hand_over(self, opened: _Open) -> None:
        """Each step may have been done already, by a process that was killed after it."""
        upload, folder = opened.upload, opened.folder
        if folder.content.exists():
            await self._storage.blobs.put_file(source_key(upload.asset_id), folder.content)
        await self._assets.create(_asset(upload, self._now()))
        await self._change(opened, {"state": "completed"})
        await to_thread.run_sync(folder.remove)
        self._open.pop(upload.id, None)
        log.info("upload complete", extra={"upload": upload.id, "asset": upload.asset_id})

    async def _opened(self, who: Identity, id: UploadId) -> _Open:
        """What this process knows of an unfinished upload; after a restart, what the disk knows.

        Raises Refused (409, 410) when there is nothing unfinished.
        """
        upload = await self._owned(who, id)
        if upload.state == "expired":
            raise Refused(
                "cannot go on with the upload: it has expired, begin a new one",
                status=HTTPStatus.GONE,
                code="expired",
            )
        if upload.state == "completed":
            raise Refused(
                "cannot go on with the upload: it is complete",
                status=HTTPStatus.CONFLICT,
                code="completed",
            )
        if id not in self._open:
            folder = self._folder(id)
            # Without a folder, a crash came between handing over and saying so.
            crcs = await to_thread.run_sync(folder.load) if folder.path.exists() else {}
            self._open.setdefault(id, _Open(upload, folder, Received(upload.layout, crcs)))
        return self._open[id]

    async def _owned(self, who: Identity, id: UploadId) -> Upload:
        try:
            record = await self._storage.records.get(UPLOADS, id)
        except NotFoundError as exc:
            raise NotFoundError("cannot find this upload: it never was, or was aborted") from exc
        upload = Upload.model_validate(record.document)
        who.must_own(upload.user_id, "upload")
        return upload

    async def _drop(self, id: UploadId) -> None:
        opened = self._open.pop(id, None)
        if opened:
            await opened.turns.stop_all()
        await to_thread.run_sync(self._folder(id).remove)

    async def _change(self, opened: _Open, fields: dict[str, object]) -> None:
        opened.upload = opened.upload.model_copy(update=fields)
        await self._put(opened.upload)

    async def _put(self, upload: Upload) -> None:
        await self._storage.records.put(UPLOADS, upload.id, upload.model_dump(mode="json"))

    async def _in_state(self, state: str) -> list[Upload]:
        page = await self._storage.records.find(
            UPLOADS, {"state": state}, newest_first=False, limit=1000
        )
        return [Upload.model_validate(record.document) for record in page.items]

    def _folder(self, id: UploadId) -> UploadFolder:
        return UploadFolder(self._settings.uploads / id)

    async def _idle_s(self, upload: Upload) -> float:
        since = await to_thread.run_sync(self._folder(upload.id).changed_at)
        return (self._now() - (since or upload.created_at)).total_seconds()

    async def _view(self, opened: _Open) -> UploadView:
        left_s = self._settings.upload_expires_s - await self._idle_s(opened.upload)
        return view(opened.upload, opened.received, self._now() + timedelta(seconds=left_s))


async def _pump(body: AsyncIterator[bytes], reception: Reception, descriptor: int) -> None:
    """Bring all of `body` to the disk, in writes large enough to be worth a thread."""
    buffer = bytearray()
    while True:
        piece = await _next(body)
        if piece is not None:
            buffer += piece
        if len(buffer) >= WRITE_BYTES or (piece is None and buffer):
            await to_thread.run_sync(_take, reception, descriptor, bytes(buffer))
            buffer.clear()
        if piece is None:
            return


async def _next(body: AsyncIterator[bytes]) -> bytes | None:
    try:
        with fail_after(SILENCE_S):
            return await anext(body, None)
    except TimeoutError as exc:
        raise Refused(
            f"cannot take the chunk: nothing came for {SILENCE_S:g} s",
            status=HTTPStatus.REQUEST_TIMEOUT,
            code="silence",
        ) from exc


def _take(reception: Reception, descriptor: int, data: bytes) -> None:
    write = reception.feed(data)
    if write is not None:
        write_at(descriptor, write.offset, write.data)


def _asset(upload: Upload, now: datetime) -> Asset:
    stem = upload.filename.rpartition(".")[0] or upload.filename
    return Asset(
        id=upload.asset_id,
        user_id=upload.user_id,
        status=Status.UPLOADED,
        metadata=Metadata(
            title=upload.title or stem,
            filename=upload.filename,
            size_bytes=upload.size_bytes,
            content_type=upload.content_type,
        ),
        timings=Timings(uploaded_at=upload.completed_at or now),
        priority=upload.priority,
        progress=Progress(stage="waiting"),
        created_at=now,
        updated_at=now,
    )
