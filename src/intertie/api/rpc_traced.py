"""Each gRPC call of the management API in a trace: its caller's, or one of its own."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc
from grpc.aio import ServerInterceptor, ServicerContext

from intertie.trace_context import Tracer, received

_OURS = "/intertie."

# Any: grpc passes messages of every kind through; only its stubs know the parameters.
if TYPE_CHECKING:
    Handler = grpc.RpcMethodHandler[Any, Any]
    Context = ServicerContext[Any, Any]
else:
    Handler, Context = grpc.RpcMethodHandler, ServicerContext
Details = grpc.HandlerCallDetails
Next = Callable[[Details], Awaitable[Handler | None]]


class Traced(ServerInterceptor):
    """The call's metadata hold what a request's headers do. Health probes make no spans."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    async def intercept_service(
        self, continuation: Next, handler_call_details: Details
    ) -> Handler | None:
        """See ServerInterceptor."""
        handler = await continuation(handler_call_details)
        method = str(handler_call_details.method)
        if handler is None or not method.startswith(_OURS):
            return handler
        return _Within(handler, self._tracer, method)


class _Within(Handler):
    """The handler, with its work as a span."""

    def __init__(self, inner: Handler, tracer: Tracer, method: str) -> None:
        self._tracer = tracer
        self._name = method.lstrip("/")
        self.request_streaming = inner.request_streaming
        self.response_streaming = inner.response_streaming
        self.request_deserializer = inner.request_deserializer
        self.response_serializer = inner.response_serializer
        self.unary_unary = self._traced(inner.unary_unary)
        self.unary_stream = self._traced(inner.unary_stream)
        self.stream_unary = None
        self.stream_stream = None

    def _traced(self, inner: Any) -> Any:  # Any: see above
        if inner is None:
            return None

        async def behaviour(request: Any, context: Context) -> Any:
            trace = self._tracer.follow(*received(_headers(context)))
            fields = {"rpc.system": "grpc", "rpc.method": self._name}
            with self._tracer.within(trace, self._name, "server", fields):
                return await inner(request, context)

        return behaviour


def _headers(context: Context) -> list[tuple[bytes, bytes]]:
    given = context.invocation_metadata() or ()
    return [(str(key).encode(), _bytes(value)) for key, value in given]


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode("latin-1", "replace")
