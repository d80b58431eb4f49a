"""Assets: the documents of `media-assets`, read and changed safely by several services."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from intertie.errors import ConflictError, NotFoundError
from intertie.store import Record, Records
from intertie_media.documents import ASSETS, Asset, AssetId, Status, UserId

log = logging.getLogger(__name__)

_TRIES = 20


@dataclass(frozen=True, slots=True)
class AssetPage:
    """One page of a user's assets, newest first, and how many there are in all."""

    items: Sequence[Asset]
    total: int


class Assets:
    """Deleted assets are not found, whoever asks."""

    def __init__(self, records: Records, *, now: Callable[[], datetime]) -> None:
        self._records = records
        self._now = now

    async def create(self, asset: Asset) -> None:
        """Store a new asset; one that exists already is left as it is."""
        try:
            await self._records.put(ASSETS, asset.id, _document(asset), expect=0)
        except ConflictError:
            log.debug("asset exists already", extra={"asset": asset.id})

    async def get(self, id: AssetId) -> Asset:
        """Raises NotFoundError."""
        return _parse(await self._record(id))

    async def change(self, id: AssetId, edit: Callable[[Asset], Asset]) -> Asset:
        """Apply `edit` to the newest state; it may run several times. Raises NotFoundError."""
        for _ in range(_TRIES):
            record = await self._record(id)
            edited = edit(_parse(record)).model_copy(update={"updated_at": self._now()})
            try:
                await self._records.put(ASSETS, id, _document(edited), expect=record.version)
            except ConflictError:
                continue
            return edited
        raise ConflictError(f"cannot change asset {id!r}: others keep changing it")

    async def of_user(self, user: UserId, *, page: int, limit: int) -> AssetPage:
        """`page` counts from 1."""
        found = await self._records.find(
            ASSETS,
            {"userId": user, "deletedAt": None},
            limit=limit,
            offset=(page - 1) * limit,
        )
        return AssetPage([_parse(record) for record in found.items], found.total)

    async def waiting(self, limit: int) -> Sequence[Asset]:
        """Uploaded and not yet taken up, oldest first."""
        found = await self._records.find(
            ASSETS,
            {"status": Status.UPLOADED.value, "deletedAt": None},
            newest_first=False,
            limit=limit,
        )
        return [_parse(record) for record in found.items]

    async def _record(self, id: AssetId) -> Record:
        absent = f"cannot find asset {id!r}: it never was, or was deleted"
        try:
            record = await self._records.get(ASSETS, id)
        except NotFoundError as exc:
            raise NotFoundError(absent) from exc
        if record.document.get("deletedAt"):
            raise NotFoundError(absent)
        return record


def _parse(record: Record) -> Asset:
    return Asset.model_validate(record.document)


def _document(asset: Asset) -> dict[str, object]:
    return asset.model_dump(mode="json")
