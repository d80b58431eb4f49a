"""The streaming engine over HTTP."""

import re
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intertie.errors import NotFoundError
from intertie.store import Blobs
from intertie_media.assets import Assets
from intertie_media.documents import Asset, AssetId, Status, stream_folder
from intertie_media.errors import Refused
from intertie_media.streaming.access import Access
from intertie_media.streaming.files import IMMUTABLE, REVALIDATE, send_blob
from intertie_media.web import application, identity, reply

MEDIA_TYPES = {
    "m3u8": "application/vnd.apple.mpegurl",
    "m4s": "video/iso.segment",
    "mp4": "video/mp4",
    "jpg": "image/jpeg",
}
_PLAYLIST = "m3u8"

# What the pipeline publishes, and nothing else: `v1/master.m3u8`, `v1/360p/seg-00001.m4s`.
_FILE = re.compile(r"v[1-9][0-9]{0,8}/(?:[A-Za-z0-9-]+/)?[A-Za-z0-9_-]+\.([a-z0-9]+)")


class StreamingApi:
    """One method a route."""

    def __init__(self, assets: Assets, blobs: Blobs, access: Access) -> None:
        self._assets = assets
        self._blobs = blobs
        self._access = access

    async def stream(self, request: Request) -> Response:
        """GET /media/{id}/stream: where the stream is, once it can be played."""
        who = identity(request)
        asset = await self._assets.get(_id(request))
        who.must_own(asset.user_id, "asset")
        if asset.streaming_url is None:
            raise _not_playable(asset)
        return reply(
            {
                "assetId": asset.id,
                "status": asset.status,
                "streamingUrl": asset.streaming_url,
                "thumbnailUrl": asset.thumbnail_url,
                "type": MEDIA_TYPES[_PLAYLIST],
                "rungs": asset.rungs,
                "durationS": asset.metadata.duration_s,
            }
        )

    async def hls(self, request: Request) -> Response:
        """GET /media/{id}/hls/{path}: playlists may change, all else never does."""
        await self._access.check(identity(request), _id(request))
        path = request.path_params["path"]
        matched = _FILE.fullmatch(path)
        media_type = MEDIA_TYPES.get(matched[1]) if matched else None
        if matched is None or media_type is None:
            raise NotFoundError(f"cannot find {path!r} in this stream")
        return await send_blob(
            self._blobs,
            f"{_id(request)}/{path}",
            request,
            media_type=media_type,
            cache=REVALIDATE if matched[1] == _PLAYLIST else IMMUTABLE,
        )

    async def poster(self, request: Request) -> Response:
        """GET /media/{id}/poster."""
        who = identity(request)
        asset = await self._assets.get(_id(request))
        who.must_own(asset.user_id, "asset")
        if asset.thumbnail_url is None:
            raise NotFoundError("cannot find a poster of this asset: there is none, or not yet")
        key = f"{stream_folder(asset.id, asset.version)}/poster.jpg"
        return await send_blob(
            self._blobs, key, request, media_type=MEDIA_TYPES["jpg"], cache=REVALIDATE
        )


def streaming_app(api: StreamingApi) -> Starlette:
    """All routes of the streaming engine."""
    return application(
        [
            Route("/media/{id}/stream", api.stream, methods=["GET"]),
            Route("/media/{id}/hls/{path:path}", api.hls, methods=["GET"]),
            Route("/media/{id}/poster", api.poster, methods=["GET"]),
        ]
    )


def _id(request: Request) -> AssetId:
    return AssetId(request.path_params["id"])


def _not_playable(asset: Asset) -> Refused:
    failed = asset.status == Status.FAILED and asset.error
    why = asset.error.message if failed and asset.error else "it is still being processed"
    return Refused(
        f"cannot stream the asset: {why}",
        status=HTTPStatus.CONFLICT,
        code="failed" if failed else "not_playable",
        assetStatus=asset.status,
    )
