"""A connector that a vendor's own library carries, for what would be much to write anew.

Libraries block: each call has a worker thread to itself, and waits there.
"""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, TypeVar

from anyio import CapacityLimiter, fail_after, to_thread

from intertie.integrations.call import Call, Step, Tools
from intertie.integrations.connector import Connector
from intertie.integrations.errors import VendorTimeoutError
from intertie.integrations.message import Response
from intertie.integrations.operation import Arguments, Operation
from intertie.integrations.steps import around
from intertie.integrations.steps.meaning import Meaning

A = TypeVar("A", bound=Arguments)
R = TypeVar("R")
Told = Mapping[str, Any]  # Any: what the library takes, bytes and times included


class SdkIntegration(Connector):
    """Inherit, and say how the library is asked. Its own retries must be off."""

    @abstractmethod
    async def check(self, operation: Operation[Any, Any], told: Told) -> None:
        """Raises InvalidError for what the library knows to be wrong; nothing is asked."""

    @abstractmethod
    def perform(self, operation: Operation[Any, Any], told: Told, timeout_s: float) -> Response:
        """Ask, in a worker thread. What the vendor refuses is a response too, for `errors` to read.

        Raises IntegrationError for what was not answered at all.
        """

    @classmethod
    def pipeline(cls, tools: Tools) -> Step:
        """See Connector."""
        return around(Meaning(Library(tools), tools), tools)

    async def _send(self, call: Call) -> Response:
        await self.check(call.operation, told_by(call))
        return await super()._send(call)


class Library:
    """A step, the last. Who gives up does not wait: the thread ends at the library's timeout."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def __call__(self, call: Call) -> Response:
        """Raises VendorTimeoutError."""
        call.attempt += 1
        connection, operation = call.connection, call.operation
        assert isinstance(connection, SdkIntegration)  # noqa: S101 - others have no such step
        timeout_s = operation.timeout_s or connection.config.timeout
        told = told_by(call)
        async with self._tools.threads:
            try:
                with fail_after(timeout_s):
                    return await to_thread.run_sync(
                        connection.perform,
                        operation,
                        told,
                        timeout_s,
                        abandon_on_cancel=True,
                        limiter=CapacityLimiter(1),
                    )
            except TimeoutError:
                raise VendorTimeoutError(
                    f"cannot reach {connection.kind} for {connection.label}: no answer within"
                    f" {timeout_s:g} s"
                ) from None


def told_by(call: Call) -> Told:
    """The arguments by the names that the library has for them."""
    return call.arguments.model_dump(by_alias=True, exclude_none=True)


def asks(path: str, arguments: type[A], answer: type[R], **said: Any) -> Operation[A, R]:
    """An operation that a library has, `service.name`; it reads unless `effect` says otherwise.

    `method` may be PUT or DELETE: doing it twice is the same as once then.
    """
    return Operation(said.pop("method", "CALL"), path, arguments, answer, **said)
