"""The answer becomes what the connector says it is; what does not fit is the vendor's change."""

from typing import Any

from pydantic import ValidationError

from intertie.integrations.call import Call, Step
from intertie.integrations.errors import SchemaDriftError
from intertie.integrations.message import Response


class Decode:
    """A step. An answer that cannot be read was given all the same: nothing is asked again."""

    def __init__(self, inner: Step) -> None:
        self._inner = inner

    async def __call__(self, call: Call) -> Response:
        """Leaves it in `call.answer`. Raises SchemaDriftError."""
        response = await self._inner(call)
        try:
            call.answer = _read(call, response)
        except ValidationError as exc:
            first = exc.errors(include_input=False, include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "the whole"
            name, of = call.operation.name, call.connection
            raise SchemaDriftError(
                f"cannot read what {name} of {of.label} answered: {place}: {first['msg']};"
                f" {of.kind} may have changed",
                status=response.status,
            ) from None
        return response


def _read(call: Call, response: Response) -> Any:  # Any: a model of the operation's
    adapter = call.operation.adapter
    if response.told is not None:
        return adapter.validate_python(response.told)
    return adapter.validate_json(response.body or b"{}")
