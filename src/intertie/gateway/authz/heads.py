"""Heads of requests that were read before, told by their bytes: reading one costs most of a check.

All requests of one client look the same but for their first line and their id. What the parser has
once taken for the headers of one whole request, without a body, is that again.
"""

from collections import OrderedDict
from collections.abc import Mapping

from intertie.gateway.authz.question import CHECK_PREFIX, REQUEST_ID, Question

MAX_HEADS = 4096
MAX_HEAD_BYTES = 4096
"""Of one that is remembered: so 16 MiB at most."""
_END = b"\r\n\r\n"
_ID = f"\r\n{REQUEST_ID}: ".encode()
_METHODS = {
    name.encode(): name
    for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")
}
_PREFIX = CHECK_PREFIX.encode() + b"/"
_CUT = len(CHECK_PREFIX)


class Heads:
    """Forgets those that came least lately, when there are too many."""

    def __init__(self, *, max_heads: int = MAX_HEADS) -> None:
        self._max = max_heads
        self._known: OrderedDict[bytes, Mapping[str, str]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def question(self, data: bytes) -> Question | None:
        """What a check asks whose head is known; None for all else, which is to be parsed."""
        if data.find(_END) != len(data) - len(_END):
            return None  # not all of it, or more than a head
        rest, request_id = _parts(data)
        headers = self._known.get(rest)
        if headers is None:
            return None
        words = data[: data.find(b"\r\n")].split(b" ")
        if len(words) != 3 or words[2] != b"HTTP/1.1" or not words[1].startswith(_PREFIX):  # noqa: PLR2004
            return None
        method = _METHODS.get(words[0])
        target = words[1][_CUT:].decode("latin-1")
        if method is None or not target.isprintable():
            return None
        self._known.move_to_end(rest)
        return Question(method, target, headers, b"", request_id)

    def learn(self, data: bytes, headers: Mapping[str, str]) -> None:
        """The parser took these bytes for one whole request without a body."""
        if len(data) > MAX_HEAD_BYTES or data.find(_END) != len(data) - len(_END):
            return
        rest, _ = _parts(data)
        self._known[rest] = {name: value for name, value in headers.items() if name != REQUEST_ID}
        if len(self._known) > self._max:
            self._known.popitem(last=False)


def _parts(data: bytes) -> tuple[bytes, str]:
    """The lines that are the same each time, and the id of this request."""
    begin = data.find(b"\r\n")
    at = data.find(_ID, begin)
    if at < 0:
        return data[begin:], ""
    value = at + len(_ID)
    end = data.find(b"\r\n", value)
    return data[begin:at] + data[end:], data[value:end].decode("latin-1")
