"""Requests of the management API in traces: W3C Trace Context against the real server."""

import json
import logging

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from intertie.api.rest import create_app
from intertie.api.traced import Traced
from intertie.runtime.daemon import JsonLines
from intertie.trace_context import Piece, Tracer, current, parse
from tests.w3c import BAD, GOOD, PARENT, SPAN, STATES, TRACE, ask, served

pytestmark = pytest.mark.anyio
LIVE = "/api/health/live"


async def _echo(request: Request) -> Response:
    context = current.get()
    assert context is not None
    return JSONResponse({**context.headers(), "parent": f"{context.parent:016x}"})


async def _fail(request: Request) -> Response:
    raise ValueError("secret")


def echo(tracer: Tracer | None = None) -> ASGIApp:
    """Says what it would send on."""
    routes = [Route("/things/{id}", _echo), Route("/fail", _fail), Route("/metrics", _echo)]
    return Traced(Router(routes), tracer or Tracer())


def keeping() -> tuple[Tracer, list[Piece]]:
    """A tracer, and what it keeps."""
    kept: list[Piece] = []
    return Tracer(0.0, kept.append), kept


async def test_the_trace_of_the_caller_goes_on() -> None:
    """For each header that W3C lets pass, as the answer tells."""
    async with served(create_app(None)) as port:
        answers = [await ask(port, LIVE, ("TraceParent", text)) for text in GOOD.values()]

    for text, answer in zip(GOOD.values(), answers, strict=True):
        told = answer.headers["traceparent"]
        assert answer.status == 200
        assert told[3:35] == text.strip()[3:35]
        assert told[36:52] != SPAN
        assert told.startswith("00-")
        assert told.endswith("-00" if text == GOOD["not sampled"] else "-01")
        assert answer.headers["x-request-id"] == told[3:35]


async def test_a_faulty_header_begins_a_new_trace() -> None:
    """The request is answered all the same."""
    async with served(create_app(None)) as port:
        answers = {name: await ask(port, LIVE, ("traceparent", v)) for name, v in BAD.items()}
        none = await ask(port, LIVE)

    traces = {name: answer.headers["traceparent"][3:35] for name, answer in answers.items()}
    assert {answer.status for answer in answers.values()} == {200}
    assert all(parse(answer.headers["traceparent"]) for answer in answers.values())
    assert TRACE not in traces.values()
    assert len({*traces.values(), none.headers["traceparent"][3:35]}) == len(BAD) + 1


@pytest.mark.parametrize("second", [PARENT, f"00-{'a' * 32}-{SPAN}-01", "none"])
async def test_two_headers_begin_a_new_trace(second: str) -> None:
    """Nobody knows which is right."""
    async with served(create_app(None)) as port:
        answer = await ask(port, LIVE, ("traceparent", PARENT), ("Traceparent", second))

    assert answer.headers["traceparent"][3:35] not in {TRACE, "a" * 32}


async def test_tracestate_is_passed_on_by_its_rules() -> None:
    """Whole or not at all, and never alone."""
    async with served(echo()) as port:
        found: dict[str, str] = {}
        for name, (values, _) in STATES.items():
            states = [("tracestate", value) for value in values]
            answer = await ask(port, "/things/1", ("traceparent", PARENT), *states)
            found[name] = json.loads(answer.body).get("tracestate", "")
        alone = await ask(port, "/things/1", ("tracestate", "a=1"))

    assert found == {name: passed_on for name, (_, passed_on) in STATES.items()}
    assert "tracestate" not in json.loads(alone.body)


@pytest.mark.parametrize(
    ("given", "told"),
    [("order-7", "order-7"), ("a" * 129, TRACE), ("<script>", TRACE), ("", TRACE)],
)
async def test_a_request_id_comes_back(given: str, told: str) -> None:
    """That of the caller where it is one, else the trace's."""
    headers = (("traceparent", PARENT), ("x-request-id", given))
    async with served(create_app(None)) as port:
        answer = await ask(port, LIVE, *headers)

    assert answer.headers["x-request-id"] == told


async def test_a_recorded_request_is_a_span() -> None:
    """With its route, its answer, and where it went, in today's names and those of before."""
    tracer, kept = keeping()
    async with served(echo(tracer)) as port:
        await ask(port, "/things/7?token=x", ("traceparent", PARENT))
        await ask(port, "/things/8")

    (piece,) = kept
    assert (piece.kind, piece.context.trace_text) == ("server", TRACE)
    assert f"{piece.context.parent:016x}" == SPAN
    assert piece.fields["http.method"] == piece.fields["http.request.method"] == "GET"
    assert piece.fields["http.url"] == "http://here/things/7"
    assert piece.fields["url.path"] == "/things/7"
    assert piece.fields["http.status_code"] == 200
    assert piece.failed is None


async def test_the_route_names_the_span() -> None:
    """Not the path: there are as many of them as services."""
    tracer, kept = keeping()
    async with served(create_app(None, tracer=tracer)) as port:
        await ask(port, "/api/services/web", ("traceparent", PARENT))
        await ask(port, "/api/health/live", ("traceparent", PARENT))

    assert [(each.name, each.route) for each in kept] == [
        ("GET /api/services/{name}", "/api/services/{name}")
    ]
    assert kept[0].failed


async def test_who_is_asked_all_the_time_makes_no_spans() -> None:
    """Else each look at the figures would make more of them."""
    tracer, kept = keeping()
    async with served(echo(tracer)) as port:
        await ask(port, "/metrics", ("traceparent", PARENT))

    assert kept == []


async def test_a_fault_is_logged_in_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    """By whoever stands around us; no other request is in that trace."""
    tracer, kept = keeping()
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(JsonLines().format(record))

    handler = Handler(logging.ERROR)
    logging.getLogger("uvicorn.error").addHandler(handler)
    try:
        async with served(echo(tracer)) as port:
            failed = await ask(port, "/fail", ("traceparent", PARENT))
            other = await ask(port, "/things/1")
    finally:
        logging.getLogger("uvicorn.error").removeHandler(handler)

    assert failed.status == 500
    assert json.loads(lines[0])["trace_id"] == TRACE
    assert json.loads(other.body)["traceparent"][3:35] != TRACE
    assert [each.failed for each in kept] == ["ValueError"]


async def test_a_socket_is_in_a_trace_too() -> None:
    """Its answers tell nothing of it."""
    seen: list[str] = []

    async def app(scope: object, receive: object, send: object) -> None:
        context = current.get()
        seen.append(context.trace_text if context else "")

    async def nothing(*_: object) -> dict[str, object]:
        return {}

    scope = {"type": "websocket", "headers": [(b"traceparent", PARENT.encode())]}
    await Traced(app, Tracer())(scope, nothing, nothing)  # type: ignore[arg-type]

    assert seen == [TRACE]
    assert current.get() is None


async def test_a_client_in_memory_is_served_as_well() -> None:
    """As programs of one's own do it."""
    transport = httpx.ASGITransport(create_app(None))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get(LIVE, headers={"traceparent": PARENT})

    assert answer.headers["traceparent"][3:35] == TRACE
