"""How a route about identities takes requests: small ones, and refused for what is in them."""

from collections.abc import Callable, Coroutine, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Message, Receive

from intertie.control.use_cases import Control

T = TypeVar("T")

MAX_BODY_BYTES = 64 * 1024
_SAFE = {"GET", "HEAD", "OPTIONS"}

Handler = Callable[[Request], Coroutine[Any, Any, Response]]  # Any: as Starlette has it


class IdentityRoute(APIRoute):
    """Nothing it answers is stored by a browser or a proxy."""

    def get_route_handler(self) -> Handler:
        """See APIRoute."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            bounded = Request(request.scope, _bounded(request.receive))
            answer = await inner(bounded)
            if request.method not in _SAFE:
                control: Control = request.app.state.control
                await control.settle()
            answer.headers["cache-control"] = "no-store"
            return answer

        return handle


def part(items: Sequence[T], page: int, limit: int) -> list[T]:
    """One page of them."""
    return list(items[(page - 1) * limit : page * limit])


def _bounded(receive: Receive) -> Receive:
    """The same, until it has given too much."""
    count = 0

    async def take() -> Message:
        nonlocal count
        message = await receive()
        count += len(message.get("body", b""))
        if count > MAX_BODY_BYTES:
            detail = f"the body is larger than {MAX_BODY_BYTES} bytes"
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)
        return message

    return take
