"""GraphQL over HTTP, as the GraphQL-over-HTTP specification has it; one operation a request."""

import json
from collections.abc import Mapping
from typing import cast

from anyio import fail_after
from graphql import GraphQLError
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from intertie.api import graphql_socket
from intertie.api.graphql_caller import Caller
from intertie.api.graphql_errors import as_message, formatted
from intertie.api.graphql_schema import SCHEMA
from intertie.api.live_socket_link import Message
from intertie.control.use_cases import Control

_JSON = "application/json"
_NEW = "application/graphql-response+json"
_MAX_BYTES = 256 * 1024
_LONGEST_S = 30.0
_BY_METHOD = {
    "GET": {OperationType.QUERY},
    "POST": {OperationType.QUERY, OperationType.MUTATION},
}
_SAFE_HEADERS = ("x-requested-with", "graphql-require-preflight", "apollo-require-preflight")


class Operation(BaseModel):
    """The parameters of a request."""

    model_config = ConfigDict(strict=True, extra="ignore")

    query: str
    operationName: str | None = None
    variables: dict[str, JsonValue] | None = None
    extensions: dict[str, JsonValue] | None = None


class _Refused(Exception):
    """The request is not carried out."""

    def __init__(self, status: int, why: str, *, allow: str = "") -> None:
        self.status = status
        self.headers = {"allow": allow} if allow else {}
        super().__init__(why)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Requests and subscriptions, as an ASGI application."""
    if scope["type"] == "websocket":
        await graphql_socket.serve(scope, receive, send)
        return
    answer = await _answer(Request(scope, receive))
    await answer(scope, receive, send)


async def _answer(request: Request) -> Response:
    control: Control = request.app.state.control
    address = request.client.host if request.client else ""
    shown = request.headers.get("authorization")
    actor = control.identify(shown, via="graphql", address=address)
    actor.require_read()
    media_type = _accepted(request.headers.get("accept", "*/*"))
    try:
        if media_type is None:
            raise _Refused(406, f"cannot answer but with {_NEW} or {_JSON}")
        operation = await _operation(request)
        result = await _run(operation, Caller(control, actor), request.method)
    except _Refused as exc:
        told: Message = {"errors": formatted([GraphQLError(str(exc))])}
        return _response(told, exc.status, media_type or _JSON, exc.headers)
    body = as_message(result)
    # The older media type has 200 for whatever is well-formed (section 6.4.1).
    status = 400 if media_type == _NEW and "data" not in body else 200
    return _response(body, status, media_type)


async def _run(operation: Operation, caller: Caller, method: str) -> ExecutionResult:
    allowed = _BY_METHOD[method]
    try:
        with fail_after(_LONGEST_S):
            return await SCHEMA.execute(
                operation.query,
                variable_values=cast("dict[str, object] | None", operation.variables),
                context_value=caller,
                operation_name=operation.operationName,
                allowed_operation_types=allowed,
            )
    except InvalidOperationTypeError as exc:
        if OperationType.MUTATION in allowed:
            why = "cannot run a subscription by a request: connect by WebSocket"
            raise _Refused(400, why) from exc
        raise _Refused(405, "cannot run this by GET: use POST", allow="POST") from exc
    except CannotGetOperationTypeError as exc:
        raise _Refused(400, "cannot tell which operation to run: name one of them") from exc
    except MissingQueryError as exc:
        raise _Refused(400, "cannot run an empty query") from exc
    except TimeoutError:
        raise _Refused(503, f"cannot finish this within {_LONGEST_S:g} s") from None


def _accepted(header: str) -> str | None:
    """The media type to answer with; None when the client takes neither."""
    ranges = [each.partition(";")[0].strip().lower() for each in header.split(",")]
    if _NEW in ranges:
        return _NEW
    return _JSON if {_JSON, "application/*", "*/*", ""} & set(ranges) else None


async def _operation(request: Request) -> Operation:
    if request.method == "POST":
        return _checked(await _posted(request))
    if request.method not in _BY_METHOD:
        raise _Refused(405, "cannot use this method: use POST", allow="GET, POST")
    if not any(name in request.headers for name in _SAFE_HEADERS):
        why = f"cannot take a query by GET without a header {_SAFE_HEADERS[0]}: a page of another"
        raise _Refused(400, f"{why} site cannot send it")
    asked: dict[str, object] = dict(request.query_params)
    for name in ("variables", "extensions"):
        if text := request.query_params.get(name):
            asked[name] = _json(text)
    return _checked(asked)


async def _posted(request: Request) -> object:
    header = request.headers.get("content-type", "")
    # The type itself, not something that holds it: a page of another site may send others.
    essence, _, parameters = header.partition(";")
    charset = parameters.lower().partition("charset=")[2].strip(' "')
    if essence.strip().lower() != _JSON or charset not in {"", "utf-8", "utf8"}:
        raise _Refused(415, f"cannot read {header or 'a body without a type'}: send {_JSON}")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MAX_BYTES:
            raise _Refused(413, f"cannot take a request of more than {_MAX_BYTES} bytes")
    return _json(body)


def _json(text: str | bytearray) -> object:
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        raise _Refused(400, "cannot read this request: it is no JSON") from None
    return found


def _checked(asked: object) -> Operation:
    if isinstance(asked, list):
        raise _Refused(400, "cannot run several operations in one request: send one at a time")
    try:
        return Operation.model_validate(asked)
    except ValidationError as exc:
        first = exc.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _Refused(400, f"cannot use this request: {place}: {first['msg']}") from None


def _response(
    body: Message, status: int, media_type: str, headers: Mapping[str, str] | None = None
) -> Response:
    headers = {**(headers or {}), "cache-control": "no-store", "vary": "accept"}
    text = json.dumps(body, separators=(",", ":"), default=str)
    return Response(text, status, headers, media_type=f"{media_type}; charset=utf-8")
