"""Opens the stores that the media services work on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from intertie.store import Blobs, Records, open_blobs, open_records
from intertie_media.settings import Settings


@dataclass(frozen=True, slots=True)
class Storage:
    """Documents and bytes, shared by all media services."""

    records: Records
    blobs: Blobs


@asynccontextmanager
async def open_storage(settings: Settings) -> AsyncIterator[Storage]:
    """Both stores, for as long as the block runs."""
    async with open_records(f"sqlite://{settings.database}") as records:
        yield Storage(records, open_blobs(f"file://{settings.blobs}"))
