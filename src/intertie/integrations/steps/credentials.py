"""Makes the request, and puts into it who asks; once more, with new credentials, when refused."""

import re

from intertie.integrations.call import Call, Step
from intertie.integrations.encode import request_of
from intertie.integrations.errors import AuthExpiredError, InvalidError
from intertie.integrations.message import Request, Response

_VALUE = re.compile(r"[\t -~\u0080-\ud7ff\ue000-\U0010ffff]*")


class Credentials:
    """A step."""

    def __init__(self, inner: Step) -> None:
        self._inner = inner

    async def __call__(self, call: Call) -> Response:
        """Raises AuthExpiredError once nothing helps but a person."""
        await self._sign(call)
        try:
            return await self._inner(call)
        except AuthExpiredError:
            if not await call.connection.auth.renew(call):
                raise
        await self._sign(call)
        return await self._inner(call)

    async def _sign(self, call: Call) -> None:
        call.attempt += 1
        connection, operation = call.connection, call.operation
        timeout_s = operation.timeout_s or connection.config.timeout
        try:
            request = request_of(
                operation, call.arguments, base=connection.base_url, timeout_s=timeout_s
            )
        except ValueError as exc:
            raise InvalidError(
                f"cannot call {operation.name} of {connection.label}: {exc}"
            ) from exc
        request.headers.update(connection.headers)
        if call.url is not None:
            request.url = call.url
        if call.key is not None and operation.key is not None and not operation.key.argument:
            request.headers[operation.key.header] = call.key
        call.request = request
        await connection.auth.sign(call, request)
        _check_headers(call, request)


def _check_headers(call: Call, request: Request) -> None:
    """A line break in a value, such as a file of a secret ends with, would begin another header."""
    if _VALUE.fullmatch("".join(request.headers.values())):
        return
    for name, value in request.headers.items():
        if not _VALUE.fullmatch(value):
            raise InvalidError(
                f"cannot call {call.operation.name} of {call.connection.label}: the value of"
                f" header `{name}` has line breaks, or other characters that no header may have"
            )
