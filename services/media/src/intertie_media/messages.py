"""What the media services tell each other over the bus, on the exchange `media-events`."""

from datetime import datetime
from typing import ClassVar, Literal

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from intertie.service import Payload
from intertie_media.documents import (
    Asset,
    AssetId,
    Failure,
    Metadata,
    Priority,
    Progress,
    UserId,
)

EXCHANGE = "media-events"

Kind = Literal["asset.progress", "asset.viewable", "asset.processed", "asset.status"]
KINDS: tuple[Kind, ...] = ("asset.progress", "asset.viewable", "asset.processed", "asset.status")


class Message(Payload):
    """Base of all: camelCase outside; keys that a newer sender adds are passed over."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        populate_by_name=True,
        serialize_by_alias=True,
    )


class UploadCompleted(Message):
    """An asset waits to be processed."""

    type: ClassVar[str] = "upload.completed"
    asset_id: AssetId
    user_id: UserId
    priority: Priority = "normal"


class AssetEvent(Message):
    """What changed about an asset; its topic is the kind.

    `asset.processed` is the last one: ready, or failed. The others may be missed: each says all.
    """

    type: ClassVar[str] = "asset.processed"
    asset_id: AssetId
    user_id: UserId
    status: str
    metadata: Metadata
    thumbnail_url: str | None
    streaming_url: str | None
    timestamp: datetime
    progress: Progress | None = None
    rungs: tuple[str, ...] = ()
    error: Failure | None = None

    @classmethod
    def of(cls, asset: Asset, at: datetime) -> "AssetEvent":
        """The state of `asset`."""
        return cls(
            asset_id=asset.id,
            user_id=asset.user_id,
            status=asset.status,
            metadata=asset.metadata,
            thumbnail_url=asset.thumbnail_url,
            streaming_url=asset.streaming_url,
            timestamp=at,
            progress=asset.progress,
            rungs=asset.rungs,
            error=asset.error,
        )
