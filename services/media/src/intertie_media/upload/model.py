"""Documents and bodies of uploads."""

import re
from datetime import datetime
from typing import Annotated, Literal, NewType

from pydantic import AfterValidator, Field

from intertie_media.documents import AssetId, Model, Priority, UserId
from intertie_media.upload.protocol import (
    DEFAULT_CHUNK_BYTES,
    MAX_CHUNK_BYTES,
    MIN_CHUNK_BYTES,
    Layout,
    Received,
)

UploadId = NewType("UploadId", str)

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


def _base_name(value: str) -> str:
    """Only ever shown; some browsers send the whole path."""
    name = _printable(re.split(r"[/\\]", value)[-1])
    if not name:
        raise ValueError("expected a file name")
    return name


def _printable(value: str) -> str:
    return _UNPRINTABLE.sub(" ", value).strip()


FileName = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_base_name)]
Title = Annotated[str, Field(max_length=200), AfterValidator(_printable)]
ContentType = Annotated[str, Field(max_length=100), AfterValidator(_printable)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-fA-F]{64}$"), AfterValidator(str.lower)]


class InitBody(Model):
    """What a client says of a file before it sends it."""

    filename: FileName
    size_bytes: Annotated[int, Field(alias="size", ge=1)]
    title: Title = ""
    content_type: ContentType = ""
    chunk_bytes: Annotated[
        int, Field(alias="chunkSize", ge=MIN_CHUNK_BYTES, le=MAX_CHUNK_BYTES)
    ] = DEFAULT_CHUNK_BYTES
    sha256: Sha256 | None = None
    """Of the whole file; checked at the end."""
    priority: Priority = "normal"
    """`high` is for administrators."""


class CompleteBody(Model):
    """What a client may say when all chunks are sent."""

    sha256: Sha256 | None = None


class Upload(Model):
    """A document of `media-uploads`. Which chunks are there is in the journal beside the bytes."""

    id: UploadId
    user_id: UserId
    asset_id: AssetId
    """Of the asset that it becomes; chosen early, so that completing twice makes one asset."""
    filename: str
    title: str
    content_type: str
    size_bytes: int
    chunk_bytes: int
    sha256: str | None
    priority: Priority = "normal"
    state: Literal["open", "completing", "completed", "expired"] = "open"
    created_at: datetime
    completed_at: datetime | None = None
    """When the request to complete it came in."""

    @property
    def layout(self) -> Layout:
        """How the file is cut."""
        return Layout(self.size_bytes, self.chunk_bytes)


class UploadView(Model):
    """An upload as its owner sees it."""

    upload_id: UploadId
    filename: str
    size: int
    chunk_size: int
    chunks: int
    state: str
    received_bytes: int
    missing: list[tuple[int, int]]
    """First and last of each run of chunks that are still to be sent."""
    expires_at: datetime | None
    """Unless another chunk comes before."""
    asset_id: AssetId | None


class ChunkView(Model):
    """What is known when a chunk was taken."""

    upload_id: UploadId
    chunk: int
    crc32: str
    received_bytes: int
    size: int


def view(upload: Upload, received: Received | None, expires_at: datetime | None) -> UploadView:
    """`received` is None when there is nothing left to send."""
    return UploadView(
        upload_id=upload.id,
        filename=upload.filename,
        size=upload.size_bytes,
        chunk_size=upload.chunk_bytes,
        chunks=upload.layout.chunks,
        state=upload.state,
        received_bytes=received.size_bytes if received else upload.size_bytes,
        missing=received.missing() if received else [],
        expires_at=expires_at,
        asset_id=upload.asset_id if upload.state == "completed" else None,
    )
