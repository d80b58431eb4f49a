"""The processing pipeline over HTTP."""

from datetime import UTC, datetime
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intertie.errors import AccessDeniedError
from intertie_media.assets import Assets
from intertie_media.documents import AssetId, Model
from intertie_media.health import Check, health_routes
from intertie_media.pipeline.event import AssetEvent, Hub
from intertie_media.pipeline.jobs import Jobs
from intertie_media.pipeline.live import EventStream, follow, frame
from intertie_media.pipeline.queue import Queue
from intertie_media.web import application, identity, read_json, read_query, reply


class JobBody(Model):
    """Which asset to work on."""

    asset_id: AssetId


class EventsQuery(Model):
    """Whose events: of one asset, or of all of the caller's."""

    asset_id: AssetId | None = None


class PipelineApi:
    """One method a route."""

    def __init__(self, queue: Queue, jobs: Jobs, assets: Assets, hub: Hub) -> None:
        self._queue = queue
        self._jobs = jobs
        self._assets = assets
        self._hub = hub

    async def add(self, request: Request) -> Response:
        """POST /jobs: for our own services; the gateway has no route to it."""
        if "service" not in identity(request).roles:
            raise AccessDeniedError("cannot queue a job: access denied, complete an upload instead")
        body = await read_json(request, JobBody)
        return reply(await self._queue.add(body.asset_id), HTTPStatus.ACCEPTED)

    async def job(self, request: Request) -> Response:
        """GET /jobs/{id}: the id is the asset's."""
        who = identity(request)
        job = await self._jobs.get(AssetId(request.path_params["id"]))
        who.must_own(job.user_id, "job")
        return reply(job)

    async def events(self, request: Request) -> Response:
        """GET /events?assetId=: with an asset, its present state comes first."""
        who = identity(request)
        id = read_query(request, EventsQuery).asset_id
        after = request.headers.get("last-event-id")
        if id:
            who.must_own((await self._assets.get(id)).user_id, "asset")

        async def present() -> str:
            return await self._present(id) if id and after is None else ""

        return EventStream(follow(self._hub, who, asset=id, after=after, present=present))

    async def _present(self, id: AssetId) -> str:
        event = AssetEvent.of(await self._assets.get(id), datetime.now(UTC))
        return frame("asset.status", event.model_dump(mode="json"))


def pipeline_app(api: PipelineApi, checks: dict[str, Check]) -> Starlette:
    """All routes of the processing pipeline."""
    return application(
        [
            Route("/jobs", api.add, methods=["POST"]),
            Route("/jobs/{id}", api.job, methods=["GET"]),
            Route("/events", api.events, methods=["GET"]),
            *health_routes(checks),
        ]
    )
