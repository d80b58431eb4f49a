"""`grpc.health.v1.Health`: what load balancers and Kubernetes ask. As over REST, without a key."""

from collections.abc import Mapping

import grpc
from anyio import sleep
from grpc.aio import ServicerContext
from grpc_health.v1 import health_pb2 as pb  # type: ignore[import-untyped]

from intertie.api.rpc_control import NAME as CONTROL
from intertie.control.health import Health
from intertie.runtime.component import Status

NAME = "grpc.health.v1.Health"
_LOOK_S = 1.0
_Answer = pb.HealthCheckResponse
_SERVING, _NOT_SERVING = int(_Answer.SERVING), int(_Answer.NOT_SERVING)


class HealthMethods:
    """By the name of a service of the suite; empty asks for the suite, which DEGRADED still serves.

    The name of the control service itself is SERVING: it answers.
    """

    def __init__(self, health: Health) -> None:
        self._health = health

    def handlers(self) -> grpc.GenericRpcHandler:
        """All methods."""
        asked, told = pb.HealthCheckRequest.FromString, _Answer.SerializeToString
        return grpc.method_handlers_generic_handler(
            NAME,
            {
                "Check": grpc.unary_unary_rpc_method_handler(self.check, asked, told),
                "Watch": grpc.unary_stream_rpc_method_handler(self.watch, asked, told),
            },
        )

    async def check(
        self,
        request: pb.HealthCheckRequest,
        context: ServicerContext[pb.HealthCheckRequest, pb.HealthCheckResponse],
    ) -> pb.HealthCheckResponse:
        """NOT_FOUND for a service that is not there, as the protocol has it."""
        word = self._words().get(request.service)
        if word is None:
            why = f"cannot find service {request.service!r}"
            await context.abort(grpc.StatusCode.NOT_FOUND, why)
        return _Answer(status=word)

    async def watch(
        self,
        request: pb.HealthCheckRequest,
        context: ServicerContext[pb.HealthCheckRequest, pb.HealthCheckResponse],
    ) -> None:
        """Now, and each time it differs; looked for each second."""
        shown = None
        while True:
            word = self._words().get(request.service, _Answer.SERVICE_UNKNOWN)
            if word != shown:
                shown = word
                await context.write(_Answer(status=word))
            await sleep(_LOOK_S)

    def _words(self) -> Mapping[str, int]:
        report = self._health.report()
        services = {name: _word(found.status) for name, found in report.services.items()}
        return {**services, CONTROL: _SERVING, "": _word(report.status)}


def _word(status: Status) -> int:
    return _NOT_SERVING if status is Status.DOWN else _SERVING
