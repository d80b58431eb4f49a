"""One gRPC call: who makes it, its deadline, and its errors as status codes."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Generic, NoReturn, TypeVar
from urllib.parse import unquote

import grpc
from anyio import EndOfStream, fail_after
from google.protobuf.message import Message
from grpc.aio import AbortError, ServicerContext

from intertie.api import problem
from intertie.control.actor import Actor
from intertie.control.use_cases import Control
from intertie.errors import IntertieError

log = logging.getLogger(__name__)

LONGEST_S = 60.0
_WRITE_S = 30.0
_CODES = {
    HTTPStatus.BAD_REQUEST: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.UNAUTHORIZED: grpc.StatusCode.UNAUTHENTICATED,
    HTTPStatus.FORBIDDEN: grpc.StatusCode.PERMISSION_DENIED,
    HTTPStatus.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    HTTPStatus.CONFLICT: grpc.StatusCode.FAILED_PRECONDITION,
    HTTPStatus.UNPROCESSABLE_ENTITY: grpc.StatusCode.INVALID_ARGUMENT,
    HTTPStatus.TOO_MANY_REQUESTS: grpc.StatusCode.RESOURCE_EXHAUSTED,
    HTTPStatus.BAD_GATEWAY: grpc.StatusCode.UNAVAILABLE,
    HTTPStatus.SERVICE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
}
_BEHIND = "cannot go on: too many were waiting to be read; ask again after the last one you have"

Asked = TypeVar("Asked", bound=Message)
Told = TypeVar("Told", bound=Message)
_T = TypeVar("_T")


class InvalidError(Exception):
    """A request that the messages allow and the use cases do not."""


@dataclass(frozen=True, slots=True)
class Call(Generic[Asked]):
    """What a method gets."""

    control: Control
    actor: Actor
    request: Asked


Unary = Callable[[Call[Asked]], Awaitable[Told]]
Write = Callable[[Told], Awaitable[None]]
Streaming = Callable[[Call[Asked], Write[Told]], Awaitable[None]]


def unary(
    control: Control, method: Unary[Asked, Told], asked: type[Asked]
) -> "grpc.RpcMethodHandler[Asked, Told]":
    """A method with one answer, which takes at most `LONGEST_S` seconds."""

    async def handle(request: Asked, context: ServicerContext[Asked, Told]) -> Told:
        async def run() -> Told:
            with fail_after(LONGEST_S):
                return await method(_call(control, request, context))

        return await _fenced(run, context)

    return grpc.unary_unary_rpc_method_handler(handle, asked.FromString, _bytes)


def streaming(
    control: Control, method: Streaming[Asked, Told], asked: type[Asked]
) -> "grpc.RpcMethodHandler[Asked, Told]":
    """A method with many answers; one that is not taken for half a minute ends it."""

    async def handle(request: Asked, context: ServicerContext[Asked, Told]) -> None:
        async def write(message: Told) -> None:
            with fail_after(_WRITE_S):
                await context.write(message)

        async def run() -> None:
            await method(_call(control, request, context), write)

        await _fenced(run, context)

    return grpc.unary_stream_rpc_method_handler(handle, asked.FromString, _bytes)


def _call(control: Control, request: Asked, context: ServicerContext[Asked, Told]) -> Call[Asked]:
    metadata = {str(key): value for key, value in context.invocation_metadata() or ()}
    shown = metadata.get("authorization")
    authorization = shown if isinstance(shown, str) else None
    actor = control.identify(authorization, via="grpc", address=_host(context.peer()))
    actor.require_read()
    return Call(control, actor, request)


def _host(peer: str) -> str:
    """Of `ipv4:127.0.0.1:5000` or `ipv6:[::1]:5000`, as percent-encoded text."""
    kind, _, rest = unquote(peer).partition(":")
    return rest.rpartition(":")[0].strip("[]") if kind in {"ipv4", "ipv6"} else ""


async def _fenced(run: Callable[[], Awaitable[_T]], context: ServicerContext[Asked, Told]) -> _T:
    """What `run` answers; what it raises is told by a status, in our words."""
    try:
        return await run()
    except IntertieError as exc:
        code = _CODES.get(HTTPStatus(problem.of(exc).status), grpc.StatusCode.INTERNAL)
        await _abort(context, code, str(exc))
    except InvalidError as exc:
        await _abort(context, grpc.StatusCode.INVALID_ARGUMENT, str(exc))
    except TimeoutError:
        await _abort(context, grpc.StatusCode.DEADLINE_EXCEEDED, "cannot finish this in time")
    except EndOfStream:
        await _abort(context, grpc.StatusCode.RESOURCE_EXHAUSTED, _BEHIND)
    except AbortError:
        raise
    except Exception:  # grpc would tell the caller what it is
        log.exception("gRPC call failed")
        await _abort(context, grpc.StatusCode.INTERNAL, problem.OUR_FAULT)


async def _abort(
    context: ServicerContext[Asked, Told], code: grpc.StatusCode, why: str
) -> NoReturn:
    await context.abort(code, why)
    raise AssertionError("abort() raises")


def _bytes(message: Message) -> bytes:
    return message.SerializeToString()
