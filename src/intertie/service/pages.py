"""What the kit answers by itself: `/health`, `/health/live`, `/health/ready` and `/metrics`."""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from anyio import to_thread
from starlette.types import Receive, Scope, Send

from intertie.service.health import Health
from intertie.service.life import Life

if TYPE_CHECKING:
    from intertie.service.asgi import Page
    from intertie.service.metrics import Metrics

_JSON = "application/json"


def make_pages(life: Life, health: Health, metrics: "Metrics") -> "dict[str, Page]":
    """The answers by path."""

    async def overall(_: Scope, send: Send) -> None:
        report = await health.report()
        await _answer(send, report.json(), fine=report.status != "DOWN")

    async def live(_: Scope, send: Send) -> None:
        await _answer(send, _status(True), fine=True)

    async def ready(_: Scope, send: Send) -> None:
        fine = life.ready and (await health.report()).status != "DOWN"
        # Asked again: a stop may have come while the dependencies were tried.
        fine = fine and life.ready
        await _answer(send, _status(fine), fine=fine)

    async def numbers(scope: Scope, send: Send) -> None:
        accept = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
        body, media_type = await to_thread.run_sync(metrics.render, accept)
        await _send(send, 200, media_type, body)

    return {
        "/health": overall,
        "/health/live": live,
        "/health/ready": ready,
        "/metrics": numbers,
    }


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """The application of a program that has none: only the kit's own answers are there."""
    if scope["type"] == "http":
        await _send(send, 404, "text/plain", b"Not Found")
    elif scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1000})
    else:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})


def _status(fine: bool) -> dict[str, object]:
    return {"status": "UP" if fine else "DOWN", "timestamp": datetime.now(UTC).isoformat()}


async def _answer(send: Send, body: dict[str, object], *, fine: bool) -> None:
    await _send(send, 200 if fine else 503, _JSON, json.dumps(body).encode())


async def _send(send: Send, status: int, media_type: str, body: bytes) -> None:
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
