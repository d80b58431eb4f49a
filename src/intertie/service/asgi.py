"""The kit around an ASGI application: one flat function per request, and the lifespan.

A request costs a lookup, two ids, two clock readings and three additions; all else waits until
somebody asks for it, or until the request is one of those that are recorded.
"""

import logging
from collections.abc import Awaitable, Callable
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from intertie.service.life import Life
from intertie.service.metrics import Answers, Requests
from intertie.service.route import key_of, template_of
from intertie.service.stream import STOPPING
from intertie.service.trace import Attributes, current
from intertie.trace_context import METHODS, request_fields

log = logging.getLogger(__name__)

OTHER = "OTHER"

Page = Callable[[Scope, Send], Awaitable[None]]

_READS = frozenset({"GET", "HEAD"})
_FAILED = 500
_MOST_KNOWN = 10_000


class Counting:
    """Finds what a request is added to: by identity of its route, without making the template."""

    def __init__(self, app: ASGIApp, requests: Requests) -> None:
        self._app = app
        self._requests = requests
        self._known: dict[tuple[str, int, int], tuple[Answers, object]] = {}

    def find(self, scope: Scope, root: str, status: int) -> Answers:
        """`root` is the root path that the request came with."""
        route = key_of(scope)
        method = scope["method"] if scope["method"] in METHODS else OTHER
        if scope.get("root_path", "") != root:
            return self._requests.answers(method, self._template(scope, mounted=True), status)
        found = self._known.get((method, id(route), status))
        if found is not None:
            return found[0]
        answers = self._requests.answers(method, self._template(scope, mounted=False), status)
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        # The route is kept with it: its id must not become another route's.
        self._known[method, id(route), status] = answers, route
        return answers

    def _template(self, scope: Scope, *, mounted: bool) -> str:
        router = scope.get("router") or self._app
        return template_of(scope, getattr(router, "routes", ()), mounted=mounted)


def wrap(
    app: ASGIApp,
    life: Life,
    *,
    pages: dict[str, Page],
    requests: Requests,
    access_log: bool,
) -> ASGIApp:
    """The application with the kit around it."""
    request = _around(app, life, find=Counting(app, requests).find, access_log=access_log)

    async def kit(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await _other(app, life, scope, receive, send)
            return
        page = pages.get(scope["path"])
        if page is not None and scope["method"] in _READS:
            await page(scope, send)
            return
        await request(scope, receive, send)

    return kit


def _around(
    app: ASGIApp, life: Life, *, find: Callable[[Scope, str, int], Answers], access_log: bool
) -> ASGIApp:
    drain, tracing, begin = life.drain, life.tracing, life.tracing.begin

    async def request(scope: Scope, receive: Receive, send: Send) -> None:
        trace = begin(scope["headers"])
        recorder = tracing.recorder if trace.sampled else None
        if recorder is not None:
            recorder.begin(trace, scope["method"], "SERVER", _fields(scope))
        # Not reset: each request has a context of its own, and the server still logs in it.
        current.set(trace)
        root = scope.get("root_path", "")
        status = _FAILED

        def watch(message: Message) -> Awaitable[None]:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            return send(message)

        drain.under_way += 1
        began = perf_counter()
        try:
            await app(scope, receive, watch)
        except Exception as exc:
            if recorder is not None:
                recorder.fail(trace, exc)
            raise
        finally:
            took_s = perf_counter() - began
            drain.leave()
            answers = find(scope, root, status)
            answers.count += 1
            answers.durations.add(took_s)
            if recorder is not None:
                recorder.answer(trace, scope["method"], answers.endpoint, status)
            if access_log:
                _log(scope["method"], answers.endpoint, status, took_s)

    return request


def _log(method: str, route: str, status: int, took_s: float) -> None:
    fields = {"method": method, "route": route, "status": status, "duration_s": round(took_s, 6)}
    log.info("request", extra=fields)


def _fields(scope: Scope) -> Attributes:
    headers: dict[bytes, bytes] = dict(scope["headers"])
    host = headers.get(b"host", b"").decode("latin-1")
    return request_fields(scope["method"], scope.get("scheme", "http"), host, scope["path"])


async def _other(app: ASGIApp, life: Life, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _Lifespan(app, life, receive, send).run(scope)
        return
    current.set(life.tracing.begin(scope.get("headers", ())))
    with life.drain.busy():
        await app(scope, receive, send)


class _Lifespan:
    """Ours around the application's: begun before its start is told, ended before its end."""

    def __init__(self, app: ASGIApp, life: Life, receive: Receive, send: Send) -> None:
        self._app = app
        self._life = life
        self._receive_next = receive
        self._send_on = send
        self._begun = False
        self._told = False

    async def run(self, scope: Scope) -> None:
        """For as long as the server runs."""
        if "state" in scope:
            scope["state"][STOPPING] = self._life.drain.began
        async with self._life:
            try:
                await self._app(scope, self._receive, self._send)
            except Exception as exc:
                if self._told:
                    raise
                # "The server must continue but not send any lifespan events" (ASGI, Lifespan).
                log.info("application has no lifespan", extra={"reason": repr(exc)})
            if not self._told:
                await self._alone()

    async def _alone(self) -> None:
        """For an application that has none."""
        if not self._begun:
            await self._receive()
        await self._send({"type": "lifespan.startup.complete"})
        await self._receive()
        await self._send({"type": "lifespan.shutdown.complete"})

    async def _receive(self) -> Message:
        message = await self._receive_next()
        self._begun = True
        if message["type"] == "lifespan.shutdown":
            await self._life.end()
        return message

    async def _send(self, message: Message) -> None:
        self._told = True
        if message["type"] == "lifespan.startup.complete":
            await self._life.begin()
        await self._send_on(message)
