"""REST routes of heartbeats, and of who is on call."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response

from intertie.api.access import Reader, Use
from intertie.api.moment import Moment
from intertie.control.heartbeats import MOST_BYTES, HeartbeatsView
from intertie.control.on_call import DutyView, SimulationView

router = APIRouter(prefix="/api/monitoring/heartbeats", tags=["monitoring"])
on_call = APIRouter(prefix="/api/alerts", tags=["alerts"])

_HOUR_S = 3600
_MONTH_S = 31 * 86400
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["suite", "name", "at", "every_s"],
                    "properties": {
                        "suite": {"type": "string", "minLength": 1, "maxLength": 200},
                        "name": {"type": "string", "minLength": 1, "maxLength": 200},
                        "at": {"type": "string", "format": "date-time"},
                        "every_s": {"type": "number", "exclusiveMinimum": 0},
                    },
                }
            }
        },
    }
}


@router.get("")
async def list_heartbeats(control: Use, actor: Reader) -> HeartbeatsView:
    """Those of others that are expected, and who is sent ours."""
    return control.heartbeats.list(actor)


@router.post("/{name}", status_code=204, openapi_extra=_BODY)
async def take(
    request: Request, control: Use, name: Annotated[str, Path(max_length=200)]
) -> Response:
    """Take the heartbeat of another suite.

    Its header `X-Intertie-Signature` is the only key: `t=SECONDS,v1=HEX`, the HMAC-SHA256 of
    "SECONDS.BODY" by the secret of `monitoring.dead_mans_switch.expect`.
    """
    data = await _body(request)
    await control.heartbeats.take(name, data, request.headers)
    return Response(status_code=204)


@on_call.get("/on-call")
async def who_is_on_call(
    control: Use, actor: Reader, at: Moment | None = None
) -> Sequence[DutyView]:
    """Who holds each layer of each rota of `monitoring.on_call`; now, or at a moment."""
    return control.on_call.on_call(actor, at)


@on_call.get("/simulation/{name}")
async def simulate(
    *,
    control: Use,
    actor: Reader,
    name: Annotated[str, Path(max_length=200)],
    at: Moment | None = None,
    duration_s: Annotated[int, Query(ge=1, le=_MONTH_S)] = 4 * _HOUR_S,
) -> SimulationView:
    """Who would be called when if nobody answered, of an alert of that rule or fingerprint."""
    return await control.on_call.simulate(actor, name, at, duration_s=duration_s)


async def _body(request: Request) -> bytes:
    found = bytearray()
    async for part in request.stream():
        found += part
        if len(found) > MOST_BYTES:
            raise HTTPException(413, f"the body is larger than {MOST_BYTES} bytes")
    return bytes(found)
