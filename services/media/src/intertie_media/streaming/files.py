"""Sends blobs, quickly: one trip to a thread for a whole segment, from the file itself if local."""

import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from intertie.errors import NotFoundError
from intertie.store import Blobs
from intertie_media.streaming.ranges import Part, is_unchanged, wanted

READ_BYTES = 1 << 20

IMMUTABLE = "private, max-age=31536000, immutable"
"""For names whose bytes never change. Private: only who may see it may keep it."""
REVALIDATE = "private, no-cache"


@dataclass(frozen=True, slots=True)
class _Found:
    size: int
    etag: str
    data: bytes | None = None
    """When it had to be read to know its tag."""


async def send_blob(
    blobs: Blobs, key: str, request: Request, *, media_type: str, cache: str
) -> Response:
    """The blob, or the part asked for, or that it is unchanged. Raises NotFoundError, Refused.

    A blob under IMMUTABLE is known by its name; any other one is small and is known by its bytes.
    """
    found = await (_by_name(blobs, key) if cache == IMMUTABLE else _by_bytes(blobs, key))
    headers = {
        "cache-control": cache,
        "etag": found.etag,
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
    }
    if is_unchanged(request.headers, found.etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    asked = wanted(request.headers, found.size, found.etag)
    part = asked or Part(0, found.size)
    headers |= {"content-length": str(part.end - part.start), "content-type": media_type}
    if asked:
        headers["content-range"] = f"bytes {part.start}-{part.end - 1}/{found.size}"
    status = HTTPStatus.PARTIAL_CONTENT if asked else HTTPStatus.OK
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    if found.data is not None:
        return Response(found.data[part.start : part.end], status, headers)
    if part.end - part.start <= READ_BYTES:
        return Response(await _read(blobs, key, part), status, headers)
    return StreamingResponse(_pieces(blobs, key, part), status, headers)


async def _by_name(blobs: Blobs, key: str) -> _Found:
    return _Found(await blobs.size(key), _tag(key.encode()))


async def _by_bytes(blobs: Blobs, key: str) -> _Found:
    data = await _read(blobs, key, Part(0, await blobs.size(key)))
    return _Found(len(data), _tag(data), data)


def _tag(data: bytes) -> str:
    return f'"{hashlib.blake2b(data, digest_size=12).hexdigest()}"'


async def _pieces(blobs: Blobs, key: str, part: Part) -> AsyncIterator[bytes]:
    for start in range(part.start, part.end, READ_BYTES):
        yield await _read(blobs, key, Part(start, min(part.end, start + READ_BYTES)))


async def _read(blobs: Blobs, key: str, part: Part) -> bytes:
    path = blobs.path(key)
    if path is not None:
        return await to_thread.run_sync(_read_file, path, part)
    async with blobs.read(key, start=part.start, end=part.end) as pieces:
        return b"".join([piece async for piece in pieces])


def _read_file(path: Path, part: Part) -> bytes:
    try:
        with path.open("rb", buffering=0) as file:
            return os.pread(file.fileno(), part.end - part.start, part.start)
    except FileNotFoundError as exc:
        raise NotFoundError(f"cannot find {path.name}") from exc
