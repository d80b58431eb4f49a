"""The processing pipeline over HTTP."""

from datetime import UTC, datetime

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from intertie.service import EventStream, ServerEvent
from intertie_media.assets import Assets
from intertie_media.documents import AssetId, Model
from intertie_media.messages import AssetEvent
from intertie_media.pipeline.event import Hub
from intertie_media.pipeline.jobs import Jobs
from intertie_media.pipeline.live import follow
from intertie_media.web import application, identity, read_query, reply


class EventsQuery(Model):
    """Whose events: of one asset, or of all of the caller's."""

    asset_id: AssetId | None = None


class PipelineApi:
    """One method a route."""

    def __init__(self, jobs: Jobs, assets: Assets, hub: Hub) -> None:
        self._jobs = jobs
        self._assets = assets
        self._hub = hub

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

        async def present() -> ServerEvent | None:
            return await self._present(id) if id and after is None else None

        return EventStream(follow(self._hub, who, asset=id, after=after, present=present))

    async def _present(self, id: AssetId) -> ServerEvent:
        event = AssetEvent.of(await self._assets.get(id), datetime.now(UTC))
        return ServerEvent(event.model_dump(mode="json"), event="asset.status")


def pipeline_app(api: PipelineApi) -> Starlette:
    """All routes of the processing pipeline."""
    return application(
        [
            Route("/jobs/{id}", api.job, methods=["GET"]),
            Route("/events", api.events, methods=["GET"]),
        ]
    )
