"""The upload manager over HTTP."""

import logging
from http import HTTPStatus

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intertie_media.documents import AssetId
from intertie_media.health import Check, health_routes
from intertie_media.upload.manager import Uploads
from intertie_media.upload.model import CompleteBody, InitBody, UploadId
from intertie_media.upload.protocol import Digests
from intertie_media.web import application, identity, identity_header, read_json, reply

log = logging.getLogger(__name__)

NOTIFY_S = 2.0


class Pipeline:
    """The processing pipeline, seen from here. It may be away: it finds new assets by itself."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    async def take_up(self, asset: AssetId) -> None:
        """Ask it to begin at once."""
        try:
            answer = await self._client.post(
                f"{self._url}/jobs",
                json={"assetId": asset},
                headers=identity_header("upload-manager", "service"),
                timeout=NOTIFY_S,
            )
            answer.raise_for_status()
        except httpx.HTTPError as exc:
            log.warning("pipeline not told", extra={"asset": asset, "error": str(exc)})


class UploadApi:
    """One method a route."""

    def __init__(self, uploads: Uploads, pipeline: Pipeline, *, public_path: str) -> None:
        self._uploads = uploads
        self._pipeline = pipeline
        self._public_path = public_path

    async def init(self, request: Request) -> Response:
        """POST /uploads/init."""
        who = identity(request)
        begun = await self._uploads.init(who, await read_json(request, InitBody))
        place = f"{self._public_path}/uploads/{begun.upload_id}"
        return reply(begun, HTTPStatus.CREATED, {"location": place})

    async def chunk(self, request: Request) -> Response:
        """PUT /uploads/{id}/chunks/{chunk}."""
        taken = await self._uploads.receive(
            identity(request),
            _id(request),
            request.path_params["chunk"],
            body=request.stream(),
            digests=Digests.read(request.headers),
        )
        return reply(taken)

    async def complete(self, request: Request) -> Response:
        """POST /uploads/{id}/complete."""
        who = identity(request)
        body = await read_json(request, CompleteBody)
        upload = await self._uploads.complete(who, _id(request), sha256=body.sha256)
        await self._pipeline.take_up(upload.asset_id)
        place = f"{self._public_path}/media/{upload.asset_id}"
        answer = {"uploadId": upload.id, "assetId": upload.asset_id, "assetUrl": place}
        return reply(answer, HTTPStatus.CREATED, {"location": place})

    async def status(self, request: Request) -> Response:
        """GET /uploads/{id}."""
        return reply(await self._uploads.status(identity(request), _id(request)))

    async def abort(self, request: Request) -> Response:
        """DELETE /uploads/{id}."""
        await self._uploads.abort(identity(request), _id(request))
        return Response(status_code=HTTPStatus.NO_CONTENT)


def upload_app(api: UploadApi, checks: dict[str, Check]) -> Starlette:
    """All routes of the upload manager."""
    return application(
        [
            Route("/uploads/init", api.init, methods=["POST"]),
            Route("/uploads/{id}", api.status, methods=["GET"]),
            Route("/uploads/{id}", api.abort, methods=["DELETE"]),
            Route("/uploads/{id}/chunks/{chunk:int}", api.chunk, methods=["PUT"]),
            Route("/uploads/{id}/complete", api.complete, methods=["POST"]),
            *health_routes(checks),
        ]
    )


def _id(request: Request) -> UploadId:
    return UploadId(request.path_params["id"])
