"""REST routes of the management API; one line of `control` each."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, FastAPI, Header, Path, Query, Response
from fastapi_offline import FastAPIOffline
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import PlainTextResponse

from intertie.api import (
    bus,
    cache,
    dashboard,
    described,
    graphql,
    heartbeats,
    identity,
    incident,
    integrations,
    live,
    live_socket,
    monitoring,
    problem,
    prometheus_api,
    remediation,
    rule_insight,
    schedule,
    slo,
    status_page,
    terminal,
    traces,
    views,
)
from intertie.api.access import Reader, Use, Writer
from intertie.api.admin import routes as admin
from intertie.api.models import (
    Accepted,
    ChangePage,
    HealthView,
    LiveView,
    PlanView,
    RunBody,
    ScaleBody,
    ServicePage,
    ServicesBody,
    ServiceView,
    StartBody,
)
from intertie.api.traced import Traced
from intertie.control.jobs import Order
from intertie.control.use_cases import Control
from intertie.plugins.standing import PluginStatus
from intertie.runtime.change import Change
from intertie.runtime.component import Status
from intertie.runtime.explain import Explanation
from intertie.runtime.log_filter import Filter
from intertie.runtime.log_record import Level
from intertie.runtime.log_tap import Stream
from intertie.runtime.logs import LogLine
from intertie.trace_context import Tracer

Page = Annotated[int, Query(ge=1, le=1_000_000)]
Limit = Annotated[int, Query(ge=1, le=1000)]

_ERRORS: dict[int | str, dict[str, object]] = {
    "default": {"description": "A problem document (RFC 9457)"}
}
router = APIRouter(responses=_ERRORS)


def create_app(
    control: Control | None, *, hosts: list[str] | None = None, tracer: Tracer | None = None
) -> FastAPI:
    """The ASGI application; `None` only to print the OpenAPI document.

    `hosts` are the Host names answered: others are refused, so that a web page whose name was
    made to point here (DNS rebinding) gets nothing.
    """
    app = FastAPIOffline(
        title="Intertie management API",
        version="1",
        redoc_url=None,
        static_url="/docs/static",
        separate_input_output_schemas=False,
    )
    app.state.control = control
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts or ["*"])
    app.add_middleware(Traced, tracer=tracer or Tracer())
    problem.install(app)
    described.install(app)
    app.include_router(router)
    app.include_router(terminal.router, responses=_ERRORS)
    app.include_router(bus.router, responses=_ERRORS)
    app.include_router(identity.router, responses=_ERRORS)
    app.include_router(cache.router, responses=_ERRORS)
    app.include_router(integrations.router, responses=_ERRORS)
    app.include_router(integrations.managed, responses=_ERRORS)
    app.include_router(schedule.router, responses=_ERRORS)
    app.include_router(schedule.backups, responses=_ERRORS)
    app.include_router(remediation.router, responses=_ERRORS)
    app.include_router(slo.router, responses=_ERRORS)
    app.include_router(monitoring.router, responses=_ERRORS)
    app.include_router(dashboard.router, responses=_ERRORS)
    app.include_router(status_page.router, responses=_ERRORS)
    app.include_router(monitoring.alerts, responses=_ERRORS)
    app.include_router(heartbeats.router, responses=_ERRORS)
    app.include_router(heartbeats.on_call, responses=_ERRORS)
    app.include_router(rule_insight.router, responses=_ERRORS)
    app.include_router(monitoring.pushed)
    app.include_router(traces.router, responses=_ERRORS)
    app.include_router(traces.pushed)
    app.include_router(prometheus_api.router)
    app.include_router(incident.router, responses=_ERRORS)
    app.include_router(bus.pages, responses=_ERRORS)
    app.router.routes += [*live_socket.routes(), *graphql.routes(), *admin.routes()]
    return app


@router.get("/api/health", tags=["health"], response_model=HealthView)
async def health(control: Use) -> Response:
    """Health of every service, in one document; 503 when DOWN."""
    report = control.health.report()
    answer = views.as_json(views.health(report))
    answer.status_code = 503 if report.status is Status.DOWN else 200
    return answer


@router.get("/api/health/live", tags=["health"])
async def is_live() -> LiveView:
    """The daemon answers."""
    return LiveView()


@router.get("/api/health/ready", tags=["health"])
async def is_ready(control: Use, response: Response) -> LiveView | HealthView:
    """200 once every service is UP, 503 before."""
    report = control.health.report()
    if report.status is Status.UP:
        return LiveView()
    response.status_code = 503
    return views.health(report)


@router.get("/api/services", tags=["services"], response_model=ServicePage)
async def services(control: Use, _: Reader, page: Page = 1, limit: Limit = 100) -> Response:
    """All services, the suite's own first, then engines."""
    found = control.services.list()
    items = [views.service(each) for each in found[(page - 1) * limit : page * limit]]
    return views.as_json(ServicePage(items=items, page=page, limit=limit, total=len(found)))


@router.get("/api/services/{name}", tags=["services"])
async def service(control: Use, _: Reader, name: str) -> ServiceView:
    """One service."""
    return views.service(control.services.get(name))


@router.get("/api/services/{name}/explain", tags=["services"])
async def explain(control: Use, _: Reader, name: str) -> Explanation:
    """Why a service is where it is: needs, blockers, last restarts, critical path of the start."""
    return control.services.explain(name)


@router.post("/api/services/{name}/scale", tags=["services"], status_code=202)
async def scale(control: Use, actor: Writer, name: str, body: ScaleBody) -> Accepted:
    """Have this many replicas until the next `apply`; those there are go on."""
    return Accepted(id=await control.services.scale(actor, name, body.replicas))


@router.post(
    "/api/services/{name}/run", tags=["services"], status_code=200, response_class=live.EventStream
)
async def run(control: Use, actor: Writer, name: str, body: RunBody) -> Response:
    """Run the service's program once, or another command in its place, and send what it prints.

    Server-sent events: `line` for each line, and at last `exit` with the code or signal, or
    `error`. Closing the connection ends the job.
    """
    control.services.get(name)
    order = Order(name, body.command, body.environment, alone=body.no_deps)
    return live.EventStream(control.jobs.run(actor, order), views.output)


@router.post("/api/services/start", tags=["services"], status_code=202)
async def start(control: Use, actor: Writer, body: StartBody) -> Accepted:
    """Start services and, unless `no_deps`, what they depend on."""
    change = await control.services.start(actor, body.services, alone=body.no_deps)
    return Accepted(id=change)


@router.post("/api/services/stop", tags=["services"], status_code=202)
async def stop(control: Use, actor: Writer, body: ServicesBody) -> Accepted:
    """Stop services, and first those that depend on them."""
    return Accepted(id=await control.services.stop(actor, body.services))


@router.post("/api/services/restart", tags=["services"], status_code=202)
async def restart(control: Use, actor: Writer, body: ServicesBody) -> Accepted:
    """Restart services, one replica after the other."""
    return Accepted(id=await control.services.restart(actor, body.services))


@router.get("/api/logs", tags=["services"], status_code=200, response_class=live.EventStream)
async def logs(
    *,
    control: Use,
    _: Reader,
    services: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI copies it
    tail: Annotated[int, Query(ge=0, le=100_000)] = 100,
    follow: bool = False,
    stream: Stream | None = None,
    grep: Annotated[str | None, Query(max_length=1000)] = None,
    level: Level | None = None,
) -> Response:
    """Log lines as server-sent events; without `follow` the stream ends after the last line.

    `stream`, `grep` (a regular expression) and `level` (of JSON and logfmt lines) choose lines.
    """
    only = Filter(stream=stream, grep=grep, level=level)
    only.check()
    chosen = control.logs.choose(services)
    lines = control.logs.read(chosen, tail=tail, follow=follow, only=only)
    return live.EventStream(lines, lambda line: live.frame(asdict(line)))


@router.get("/api/logs/search", tags=["services"])
async def search_logs(
    *,
    control: Use,
    _: Reader,
    pattern: Annotated[str, Query(min_length=1, max_length=1000)],
    services: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI copies it
    regex: bool = False,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    stream: Stream | None = None,
) -> list[LogLine]:
    """The first lines that hold the pattern, rotated parts included, file by file."""
    found = await control.logs.search(services, pattern, regex=regex, limit=limit, stream=stream)
    return list(found)


@router.get("/api/logs/trace/{trace_id}", tags=["services"])
async def logs_of_trace(
    control: Use,
    _: Reader,
    trace_id: Annotated[str, Path(pattern="^[0-9a-f]{32}$")],
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> list[LogLine]:
    """Lines that hold the id of a trace, of all services and of the daemon, by their times."""
    return list(await control.logs.of_trace(trace_id, limit=limit))


@router.get("/api/changes", tags=["changes"])
async def changes(control: Use, _: Reader, page: Page = 1, limit: Limit = 20) -> ChangePage:
    """Changes, newest first."""
    found = await control.changes.list(page, limit)
    return ChangePage(items=list(found.items), page=page, limit=limit, total=found.total)


@router.get("/api/changes/{id}", tags=["changes"])
async def change(control: Use, _: Reader, id: str) -> Change:
    """One change with its steps."""
    return await control.changes.get(id)


@router.get(
    "/api/changes/{id}/events", tags=["changes"], status_code=200, response_class=live.EventStream
)
async def change_events(control: Use, _: Reader, id: str) -> Response:
    """The change each time it progresses, as server-sent events; ends when it has ended."""
    await control.changes.get(id)
    return live.EventStream(
        control.changes.watch(id), lambda change: live.frame(change.model_dump(mode="json"))
    )


@router.post("/api/changes/{id}/abort", tags=["changes"], status_code=202)
async def abort(control: Use, actor: Writer, id: str) -> Accepted:
    """Stop doing a change; what was done stays done."""
    await control.changes.abort(actor, id)
    return Accepted(id=id)


@router.get("/api/plan", tags=["suite"])
async def plan(control: Use, actor: Reader) -> PlanView:
    """Read the suite file again and say what `apply` would do.

    Of rules that change also what they would have told of the last seven days.
    """
    todo = await control.suite.plan()
    return views.plan(todo, await control.insight.replays.difference(actor))


@router.post("/api/apply", tags=["suite"], status_code=202)
async def apply(control: Use, actor: Writer) -> Accepted:
    """Read the suite file again and bring the suite to what it says."""
    return Accepted(id=await control.suite.apply(actor))


@router.post("/api/shutdown", tags=["suite"], status_code=202)
async def shutdown(control: Use, actor: Writer) -> LiveView:
    """Stop everything, dependents first, and end the daemon."""
    control.suite.shutdown(actor)
    return LiveView()


@router.get("/api/events", tags=["events"], status_code=200, response_class=live.EventStream)
async def events(
    control: Use,
    _: Reader,
    follow: bool = True,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Events as server-sent events, recent ones first; `Last-Event-ID` resumes after that one."""
    return live.EventStream(
        control.events.read(after=last_event_id, follow=follow),
        lambda event: live.frame(event.model_dump(mode="json"), event=event.type, id=event.id),
    )


@router.get("/api/plugins", tags=["plugins"])
async def plugins(control: Use, actor: Reader) -> list[PluginStatus]:
    """The plugins of the suite: state, hooks, what they cost, and why one is disabled."""
    return list(control.plugins.list(actor))


@router.get("/api/metrics", tags=["metrics"])
async def metrics(control: Use, _: Reader) -> dict[str, dict[str, float]]:
    """Samples by name and service, as JSON."""
    return await control.metrics.as_json()


@router.get("/metrics", tags=["metrics"], response_class=PlainTextResponse)
async def prometheus(control: Use, _: Reader) -> Response:
    """The same in the Prometheus text format."""
    return Response(await control.metrics.as_text(), media_type=control.metrics.MEDIA_TYPE)
