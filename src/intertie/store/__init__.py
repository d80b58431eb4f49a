"""Ports for what must outlive a process: Records (JSON documents) and Blobs (bytes)."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from intertie.errors import StoreError

Document = dict[str, Any]  # a wire edge: JSON values, checked by the caller's own models


@dataclass(frozen=True, slots=True)
class Record:
    """A stored document. `version` starts at 1 and grows by one with each write."""

    id: str
    version: int
    document: Document


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a query, and how many records match in all."""

    items: Sequence[Record]
    total: int


class Records(Protocol):
    """Collections of JSON documents. Every call is atomic; a returned write is durable."""

    async def get(self, collection: str, id: str) -> Record:
        """The record. Raises NotFoundError."""
        ...

    async def put(
        self, collection: str, id: str, document: Document, *, expect: int | None = None
    ) -> Record:
        """Write the whole document.

        `expect` is the version it must have now, 0 for "must not exist"; ConflictError otherwise.
        """
        ...

    async def find(
        self,
        collection: str,
        where: Mapping[str, object] | None = None,
        *,
        newest_first: bool = True,
        limit: int = 20,
        offset: int = 0,
    ) -> Page:
        """Records whose top-level fields equal `where`, by time of creation."""
        ...

    async def delete(self, collection: str, id: str) -> bool:
        """Whether there was one."""
        ...


class Blobs(Protocol):
    """Bytes under slash-separated keys such as `asset-1/hls/master.m3u8`."""

    async def put(self, key: str, data: bytes) -> None:
        """Write all or nothing; replaces what was there."""
        ...

    async def put_file(self, key: str, path: Path) -> None:
        """Take over a finished local file, all or nothing; `path` is gone afterwards."""
        ...

    async def size(self, key: str) -> int:
        """In bytes. Raises NotFoundError."""
        ...

    def read(
        self, key: str, *, start: int = 0, end: int | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Chunks of bytes `start` (inclusive) to `end` (exclusive). Raises NotFoundError."""
        ...

    async def keys(self, prefix: str) -> Sequence[str]:
        """All keys under a folder, sorted."""
        ...

    async def delete(self, prefix: str) -> int:
        """Remove the key itself and everything under the folder `prefix`; how many."""
        ...

    def path(self, key: str) -> Path | None:
        """Where the blob lies on this machine, or None for a remote store."""
        ...


# Scheme of the address, module, and what in it opens the store. A new adapter is a new line.
_RECORDS = {"sqlite": ("intertie.store.sqlite", "open_url")}
_BLOBS = {"file": ("intertie.store.local", "open_url")}


def open_records(url: str) -> AbstractAsyncContextManager[Records]:
    """Records at an address such as `sqlite:///var/lib/app.db`. Raises StoreError."""
    opened: AbstractAsyncContextManager[Records] = _adapter(_RECORDS, url)(url)
    return opened


def open_blobs(url: str) -> Blobs:
    """Blobs at an address such as `file:///var/lib/blobs`. Raises StoreError."""
    opened: Blobs = _adapter(_BLOBS, url)(url)
    return opened


def _adapter(table: Mapping[str, tuple[str, str]], url: str) -> Callable[[str], Any]:
    scheme = url.partition("://")[0]
    if scheme not in table:
        raise StoreError(f"cannot open {scheme}://…: known are {', '.join(sorted(table))}")
    module, name = table[scheme]
    found: Callable[[str], Any] = getattr(import_module(module), name)
    return found
