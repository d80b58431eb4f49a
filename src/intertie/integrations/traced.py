"""Calls to services outside, as spans below whatever asked for them."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from intertie.integrations.message import origin
from intertie.trace_context import Piece, Tracer, Value, told

if TYPE_CHECKING:
    from intertie.integrations.call import Call


class Traced:
    """An observer. The vendor is told nothing of our traces."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def began(self, call: "Call") -> Piece | None:
        """See Observer."""
        if self._tracer.keep is None:
            return None
        of = call.connection
        context = self._tracer.child()
        if not context.sampled:
            return None
        name = f"{of.kind}.{call.operation.name}"
        return Piece(context, name, "client", {"intertie.integration": of.label})

    def ended(self, call: "Call", mark: object, took_s: float, fault: Exception | None) -> None:
        """See Observer."""
        if not isinstance(mark, Piece):
            return
        mark.fields.update(_asked(call))
        mark.fields["intertie.attempts"] = call.attempt
        mark.failed = None if fault is None else told(fault)
        self._tracer.end(mark)


def _asked(call: "Call") -> dict[str, Value]:
    """Whom, and how. Neither path nor query, which may hold secrets."""
    request = call.request
    if request is None:
        return {}
    url = origin(request.url)
    return {
        "http.request.method": request.method,
        "server.address": urlsplit(url).hostname or "",
        "http.method": request.method,
        "http.url": url,
    }
