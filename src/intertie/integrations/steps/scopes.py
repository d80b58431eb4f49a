"""Nothing is asked for which nobody has given consent."""

from collections.abc import Awaitable

from intertie.integrations.call import Call, Step, Tools
from intertie.integrations.errors import ScopeMissingError
from intertie.integrations.message import Response


class Scopes:
    """A step."""

    def __init__(self, inner: Step, tools: Tools) -> None:
        self._inner = inner
        self._tools = tools

    def __call__(self, call: Call) -> Awaitable[Response]:
        """Raises ScopeMissingError before anything is sent."""
        needed = call.operation.scopes
        if needed and (grants := self._tools.grants) is not None:
            granted = grants.scopes(call.connection)
            missing = [each for each in needed if granted is not None and each not in granted]
            if missing:
                label = call.connection.label
                raise ScopeMissingError(
                    f"cannot call {call.operation.name} of {label}: the grant lacks"
                    f" {', '.join(missing)}; run: intertie integrations connect {label}",
                    scopes=missing,
                )
        return self._inner(call)
