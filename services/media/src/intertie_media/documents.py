"""The documents that the media services share: one model a document, one name a collection."""

from datetime import datetime
from enum import StrEnum
from typing import Literal, NewType

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

ASSETS = "media-assets"
USERS = "users"
NOTIFICATIONS = "notifications"
STREAMING_SESSIONS = "streaming-sessions"
ANALYTICS = "analytics"
COLLECTIONS = (ASSETS, USERS, NOTIFICATIONS, STREAMING_SESSIONS, ANALYTICS)
"""Shared with other services under these very names."""

UPLOADS = "media-uploads"
JOBS = "media-jobs"

AssetId = NewType("AssetId", str)
UserId = NewType("UserId", str)


class Model(BaseModel):
    """Base of all documents and bodies: frozen, camelCase outside."""

    model_config = ConfigDict(
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        serialize_by_alias=True,
    )


class Status(StrEnum):
    """How far an asset is."""

    UPLOADED = "uploaded"
    PROCESSING = "processing"
    VIEWABLE = "viewable"
    """The first rung plays. With an `error`, there will be no others."""
    READY = "ready"
    FAILED = "failed"


Priority = Literal["high", "normal", "low"]
PRIORITIES: tuple[Priority, ...] = ("high", "normal", "low")
"""Which of those that wait is worked on first."""


class Metadata(Model):
    """What is known of the video: from the uploader first, then from the file itself."""

    title: str
    filename: str
    size_bytes: int
    content_type: str = ""
    """As the uploader said; nothing relies on it."""
    container: str | None = None
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    video_codec: str | None = None
    audio_codec: str | None = None


class Failure(Model):
    """Why processing ended early; `message` is fit to be shown to the uploader."""

    code: str
    message: str
    kind: Literal["input", "capacity", "bug"]


class Progress(Model):
    """How far processing is."""

    stage: Literal["waiting", "probe", "first", "rest"]
    """`first` makes the first rung, `rest` all others."""
    rung: str = ""
    ratio: float = 0.0
    """0 to 1 within the stage."""


class Timings(Model):
    """When what happened, and how long the uploader had to wait for it."""

    uploaded_at: datetime
    """When the request to complete the upload came in."""
    started_at: datetime | None = None
    playable_at: datetime | None = None
    ended_at: datetime | None = None
    time_to_playable_s: float | None = None
    time_to_ready_s: float | None = None


class Asset(Model):
    """One video of one user: a document of `media-assets`."""

    id: AssetId
    user_id: UserId
    status: Status
    metadata: Metadata
    timings: Timings
    priority: Priority = "normal"
    progress: Progress | None = None
    rungs: tuple[str, ...] = ()
    """Those that are complete, in order of completion."""
    version: int = 0
    """Try of processing whose files are shown; each has an own folder, so that no cached segment
    is ever another one under the same name."""
    streaming_url: str | None = None
    thumbnail_url: str | None = None
    error: Failure | None = None
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None


def source_key(asset: AssetId) -> str:
    """Where the original is."""
    return f"{asset}/source"


def stream_folder(asset: AssetId, version: int) -> str:
    """Where the playlists, segments and the poster of one try are."""
    return f"{asset}/v{version}"
