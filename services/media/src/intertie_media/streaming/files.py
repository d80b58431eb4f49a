"""Sends blobs, quickly: one trip to a thread for a whole segment, from the file itself if local."""

import hashlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
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


async def send_blob(
    blobs: Blobs, key: str, request: Request, *, media_type: str, cache: str
) -> Response:
    """The blob, or the part asked for, or that it is unchanged. Raises NotFoundError, Refused.

    A blob under IMMUTABLE is known by its name; any other one is small and is known by its bytes.
    """
    size = await _size(blobs, key)
    data = None if cache == IMMUTABLE else await _read(blobs, key, Part(0, size))
    etag = _etag(key, size) if data is None else _etag_of(data)
    headers = {
        "cache-control": cache,
        "etag": etag,
        "accept-ranges": "bytes",
        "x-content-type-options": "nosniff",
    }
    if is_unchanged(request.headers, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    size = size if data is None else len(data)
    part = wanted(request.headers, size, etag)
    status = HTTPStatus.OK
    if part is None:
        part = Part(0, size)
    else:
        headers["content-range"] = f"bytes {part.start}-{part.end - 1}/{size}"
        status = HTTPStatus.PARTIAL_CONTENT
    headers |= {"content-length": str(part.end - part.start), "content-type": media_type}
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    if data is None and part.end - part.start <= READ_BYTES:
        data = await _read(blobs, key, part)
    elif data is not None:
        data = data[part.start : part.end]
    if data is not None:
        return Response(data, status, headers)
    return StreamingResponse(_pieces(blobs, key, part), status, headers)
