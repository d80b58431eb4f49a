"""Opens the stores that the media services work on; the only place that names the adapters."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from intertie.store import Blobs, Records
from intertie.store.local import LocalBlobs
from intertie.store.sqlite import SqliteRecords
from intertie_media.settings import Settings


@dataclass(frozen=True, slots=True)
class Storage:
    """Documents and bytes, shared by all media services."""

    records: Records
    blobs: Blobs


@asynccontextmanager
async def open_storage(settings: Settings) -> AsyncIterator[Storage]:
    """Both stores, for as long as the block runs."""
    async with SqliteRecords.open(settings.database) as records:
        yield Storage(records, LocalBlobs(settings.blobs))
