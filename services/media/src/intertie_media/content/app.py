"""Content management over HTTP."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from pydantic import AfterValidator, Field
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intertie_media.assets import Assets
from intertie_media.content.page import page_routes
from intertie_media.documents import Asset, AssetId, Model, UserId
from intertie_media.web import Identity, application, identity, read_json, read_query, reply

MAX_LIMIT = 100


def _not_blank(value: str) -> str:
    text = value.strip()
    if not text:
        raise ValueError("expected a title")
    return text


class ListQuery(Model):
    """Which page of whose assets; `page` counts from 1."""

    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = 20
    user_id: UserId | None = None
    """The caller's own, unless an admin says otherwise."""


class TitleBody(Model):
    """What may be changed."""

    title: Annotated[str, Field(max_length=200), AfterValidator(_not_blank)]


class ContentApi:
    """One method a route."""

    def __init__(self, assets: Assets, *, now: Callable[[], datetime]) -> None:
        self._assets = assets
        self._now = now

    async def list(self, request: Request) -> Response:
        """GET /assets?page&limit&userId."""
        who = identity(request)
        query = read_query(request, ListQuery)
        user = query.user_id or who.user
        who.must_own(user, "list of assets")
        found = await self._assets.of_user(user, page=query.page, limit=query.limit)
        items = [asset.model_dump(mode="json") for asset in found.items]
        return reply(
            {"items": items, "page": query.page, "limit": query.limit, "total": found.total}
        )

    async def get(self, request: Request) -> Response:
        """GET /media/{id}."""
        return reply(await self._owned(identity(request), request))

    async def rename(self, request: Request) -> Response:
        """PATCH /media/{id} {title}."""
        who = identity(request)
        title = (await read_json(request, TitleBody)).title
        asset = await self._owned(who, request)
        renamed = await self._assets.change(
            asset.id,
            lambda asset: asset.model_copy(
                update={"metadata": asset.metadata.model_copy(update={"title": title})}
            ),
        )
        return reply(renamed)

    async def delete(self, request: Request) -> Response:
        """DELETE /media/{id}: nobody sees it from now on; its files are kept."""
        asset = await self._owned(identity(request), request)
        at = self._now()
        await self._assets.change(
            asset.id, lambda asset: asset.model_copy(update={"deleted_at": at})
        )
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _owned(self, who: Identity, request: Request) -> Asset:
        asset = await self._assets.get(AssetId(request.path_params["id"]))
        who.must_own(asset.user_id, "asset")
        return asset


def content_app(api: ContentApi) -> Starlette:
    """All routes of content management; the page has what is left."""
    return application(
        [
            Route("/assets", api.list, methods=["GET"]),
            Route("/media/{id}", api.get, methods=["GET"]),
            Route("/media/{id}", api.rename, methods=["PATCH"]),
            Route("/media/{id}", api.delete, methods=["DELETE"]),
            *page_routes(),
        ]
    )
