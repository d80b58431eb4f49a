"""GraphQL over WebSocket: the `graphql-transport-ws` protocol."""

from contextlib import aclosing
from typing import Any, cast

from anyio import EndOfStream, fail_after
from graphql import GraphQLError
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket
from strawberry.types.execution import ExecutionResult, PreExecutionError

from intertie.api.graphql_caller import Caller
from intertie.api.graphql_errors import as_message, formatted
from intertie.api.graphql_schema import SCHEMA
from intertie.api.live_socket_link import (
    INVALID,
    TOO_LATE,
    TOO_MANY,
    UNAUTHORIZED,
    Link,
    Message,
    Refused,
    converse,
)
from intertie.control.use_cases import Control
from intertie.errors import AccessDeniedError

PROTOCOL = "graphql-transport-ws"
_NOT_ACCEPTABLE = 4406
_INIT_S = 10.0


class _Payload(BaseModel):
    model_config = ConfigDict(strict=True)

    query: str
    operationName: str | None = None
    variables: dict[str, JsonValue] | None = None


class _Subscribe(BaseModel):
    model_config = ConfigDict(strict=True)

    id: str = Field(min_length=1, max_length=64)
    payload: _Payload


async def serve(
    scope: Scope, receive: Receive, send: Send, *, init_s: float = _INIT_S, send_s: float = 10.0
) -> None:
    """One connection, as an ASGI application."""
    socket = WebSocket(scope, receive, send)
    control: Control = socket.app.state.control
    header = socket.headers.get("authorization")
    spoken = PROTOCOL in cast("list[str]", scope["subprotocols"])

    async def talk(link: Link) -> None:
        if not spoken:
            raise Refused(_NOT_ACCEPTABLE, f"cannot speak but {PROTOCOL}")
        await _Talk(link, control, await _greeted(link, control, header, init_s)).go_on()

    await converse(socket, talk, subprotocol=PROTOCOL if spoken else None, send_s=send_s)


async def _greeted(link: Link, control: Control, header: str | None, init_s: float) -> str | None:
    """What the caller shows: the Authorization header, or `authorization` of `connection_init`."""
    try:
        with fail_after(init_s):
            while (first := await link.receive()).get("type") == "ping":
                await link.send({"type": "pong"})
    except TimeoutError:
        raise Refused(TOO_LATE, "Connection initialisation timeout") from None
    if first.get("type") != "connection_init":
        raise Refused(UNAUTHORIZED, "Unauthorized: send `connection_init` first")
    payload = first.get("payload") or {}
    if not isinstance(payload, dict):
        raise Refused(INVALID, "cannot use the payload of `connection_init`: it is no object")
    shown = next((v for k, v in payload.items() if k.lower() == "authorization"), header)
    authorization = shown if isinstance(shown, str) else None
    _caller(link, control, authorization)
    await link.send({"type": "connection_ack"})
    return authorization


def _caller(link: Link, control: Control, authorization: str | None) -> Caller:
    """Asked for each operation anew: what was shown may be revoked since."""
    actor = control.identify(authorization, via="graphql", address=link.address)
    try:
        actor.require_read()
    except AccessDeniedError as exc:
        raise Refused(UNAUTHORIZED, str(exc)) from None
    return Caller(control, actor)


class _Talk:
    """The protocol of one connection, once it is known who speaks."""

    def __init__(self, link: Link, control: Control, authorization: str | None) -> None:
        self._link = link
        self._control = control
        self._authorization = authorization

    async def go_on(self) -> None:
        """Until the connection ends."""
        while True:
            await self._heed(await self._link.receive())

    async def _heed(self, said: Message) -> None:
        match said.get("type"):
            case "ping":
                await self._link.send({"type": "pong"})
            case "pong":
                pass
            case "subscribe":
                wanted = _parsed(said)
                self._link.open(wanted.id, lambda: self._run(wanted))
            case "complete":
                self._link.cancel(str(said.get("id")))
            case "connection_init":
                raise Refused(TOO_MANY, "Too many initialisation requests")
            case _:
                raise Refused(INVALID, "cannot use this message: its type is not known")

    async def _run(self, wanted: _Subscribe) -> None:
        """Send what comes; `complete`, or `error` when it could not begin or broke, ends it."""
        last: Message = {"type": "complete", "id": wanted.id}
        try:
            refused = await self._send_results(wanted)
        except EndOfStream:  # it fell behind; the client may subscribe again
            refused = []
        if refused:
            last = {"type": "error", "id": wanted.id, "payload": formatted(refused)}
        self._link.forget(wanted.id)
        await self._link.send(last)

    async def _send_results(self, wanted: _Subscribe) -> list[GraphQLError]:
        asked = wanted.payload
        results = await SCHEMA.stream(
            asked.query,
            variable_values=cast("dict[str, Any] | None", asked.variables),  # Any: strawberry's
            context_value=_caller(self._link, self._control, self._authorization),
            operation_name=asked.operationName,
        )
        async with aclosing(results):
            async for result in results:
                if isinstance(result, PreExecutionError):
                    return result.errors or []
                if isinstance(result, ExecutionResult):
                    payload = as_message(result)
                    await self._link.send({"type": "next", "id": wanted.id, "payload": payload})
        return []


def _parsed(said: Message) -> _Subscribe:
    try:
        return _Subscribe.model_validate(said)
    except ValidationError as exc:
        first = exc.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise Refused(INVALID, f"cannot use this message: {place}: {first['msg']}") from None
