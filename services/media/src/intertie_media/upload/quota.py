"""How much one user may have here, and whether the disk takes more."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus

from anyio import Lock, to_thread

from intertie.store import Record, Records
from intertie_media.documents import ASSETS, UPLOADS, Asset, UserId
from intertie_media.errors import Refused
from intertie_media.settings import Settings
from intertie_media.upload.model import Upload
from intertie_media.upload.store import free_bytes

MAX_OPEN_UPLOADS = 50
RESERVE_BYTES = 256 << 20
"""Of the disk; left for what is made from the uploads."""

_BATCH = 500


class Quota:
    """Asked before an upload begins. Sizes are those announced: the bytes may still be coming."""

    def __init__(self, records: Records, settings: Settings) -> None:
        self._records = records
        self._settings = settings
        self._one_at_a_time = Lock()

    @asynccontextmanager
    async def room_for(self, user: UserId, size_bytes: int) -> AsyncIterator[None]:
        """Hold the room while the upload is noted down. Raises Refused (413, 429, 507)."""
        if size_bytes > self._settings.max_file_bytes:
            raise _refused(
                f"a file may have at most {self._settings.max_file_bytes} bytes",
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "file_too_large",
            )
        async with self._one_at_a_time:
            uploads = [
                Upload.model_validate(record.document)
                for record in await self._all(UPLOADS, {"userId": user, "state": "open"})
            ]
            if len(uploads) >= MAX_OPEN_UPLOADS:
                raise _refused(
                    f"{MAX_OPEN_UPLOADS} uploads are open; complete or delete some",
                    HTTPStatus.TOO_MANY_REQUESTS,
                    "too_many_uploads",
                )
            assets = [
                Asset.model_validate(record.document)
                for record in await self._all(ASSETS, {"userId": user, "deletedAt": None})
            ]
            used = sum(each.size_bytes for each in uploads)
            used += sum(each.metadata.size_bytes for each in assets)
            if used + size_bytes > self._settings.max_user_bytes:
                raise _refused(
                    f"{used} of your {self._settings.max_user_bytes} bytes are taken",
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                    "quota_exceeded",
                )
            await self._must_fit_the_disk(size_bytes)
            yield

    async def _must_fit_the_disk(self, size_bytes: int) -> None:
        free = await to_thread.run_sync(free_bytes, self._settings.data)
        if free < size_bytes + RESERVE_BYTES:
            raise _refused(
                "the disk is too full for it; try again later or tell the operator",
                HTTPStatus.INSUFFICIENT_STORAGE,
                "disk_full",
            )

    async def _all(self, collection: str, where: Mapping[str, object]) -> list[Record]:
        found: list[Record] = []
        while True:
            page = await self._records.find(collection, where, limit=_BATCH, offset=len(found))
            found += page.items
            if len(page.items) < _BATCH:
                return found


def _refused(why: str, status: HTTPStatus, code: str) -> Refused:
    return Refused(f"cannot begin the upload: {why}", status=status, code=code)
