"""A key goes along with what must not be done twice, the same at each attempt."""

from collections.abc import Awaitable
from uuid import uuid4

from intertie.integrations.call import Call, Step
from intertie.integrations.errors import InvalidError
from intertie.integrations.message import Response

_MAX_KEY = 255


class Idempotency:
    """A step."""

    def __init__(self, inner: Step) -> None:
        self._inner = inner

    def __call__(self, call: Call) -> Awaitable[Response]:
        """Raises InvalidError for a key that the vendor could not take."""
        told = call.operation.key.argument if call.operation.key is not None else ""
        given = call.key
        if given is None and told:
            given = getattr(call.arguments, told, None)
        if given is not None:
            if call.operation.key is None:
                what = "the vendor has no such way"
                raise InvalidError(f"cannot call {call.operation.name} with a key: {what}")
            plain = given.isascii() and given.isprintable() and given == given.strip()
            if not (0 < len(given) <= _MAX_KEY and plain):
                raise InvalidError(
                    f"cannot call {call.operation.name}: a key is 1 to {_MAX_KEY} plain characters"
                )
            call.key = given
        elif call.operation.key is not None:
            call.key = str(uuid4())
        if told:
            call.arguments = call.arguments.model_copy(update={told: call.key})
        return self._inner(call)
