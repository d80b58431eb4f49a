"""A connector talks to its own vendor and to nobody else."""

from collections.abc import Awaitable

from intertie.integrations.call import Call, Step
from intertie.integrations.errors import EgressError
from intertie.integrations.message import Response, origin

_BELOW = ("", "/", "?")


class Egress:
    """A step. Where a name leads is looked at by the transport, once it knows."""

    def __init__(self, inner: Step) -> None:
        self._inner = inner

    def __call__(self, call: Call) -> Awaitable[Response]:
        """Raises EgressError before anything is sent."""
        assert call.request is not None  # noqa: S101 - made by `Credentials`
        url, base = call.request.url, call.connection.base_url
        # Most are below the base, which was checked when it was given: what follows it there
        # belongs to no host.
        if base and url.startswith(base) and url[len(base) : len(base) + 1] in _BELOW:
            return self._inner(call)
        where = origin(url)
        if not where or where not in call.connection.origins:
            where = where[:200] or "what is no address"
            raise EgressError(
                f"cannot call {where} for {call.connection.label}: it is none of this connector's"
                " addresses"
            )
        return self._inner(call)
