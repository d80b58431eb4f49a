"""The upload manager over HTTP."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intertie_media.upload.manager import Uploads
from intertie_media.upload.model import CompleteBody, InitBody, Upload, UploadId
from intertie_media.upload.protocol import Digests
from intertie_media.web import application, identity, read_json, reply

Tell = Callable[[Upload], Awaitable[None]]
"""Says that an upload is complete. It may fail silently: the pipeline looks for new assets too."""


class UploadApi:
    """One method a route."""

    def __init__(self, uploads: Uploads, tell: Tell, *, public_path: str) -> None:
        self._uploads = uploads
        self._tell = tell
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
        await self._tell(upload)
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


def upload_app(api: UploadApi) -> Starlette:
    """All routes of the upload manager."""
    return application(
        [
            Route("/uploads/init", api.init, methods=["POST"]),
            Route("/uploads/{id}", api.status, methods=["GET"]),
            Route("/uploads/{id}", api.abort, methods=["DELETE"]),
            Route("/uploads/{id}/chunks/{chunk:int}", api.chunk, methods=["PUT"]),
            Route("/uploads/{id}/complete", api.complete, methods=["POST"]),
        ]
    )


def _id(request: Request) -> UploadId:
    return UploadId(request.path_params["id"])
