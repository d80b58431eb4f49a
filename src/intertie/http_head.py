"""HTTP/1.1 for uvicorn, with a bound on what comes before a body.

uvicorn's own on httptools keeps as much of a request's head as it is sent.
"""

import json
from asyncio import get_running_loop
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_TARGET_BYTES = 65_535
"""Of the request's target: httptools counts it in 16 bits."""
MOST_HEAD_BYTES = 128 * 1024
"""Of target and headers together."""

_AROUND_HEADER = len(": \r\n")
_LINGER_S = 2
"""To read on after a refusal: closed at once, it may never arrive (RFC 9112 section 9.6)."""
_WHY = {
    HTTPStatus.BAD_REQUEST: "cannot read this request: it is no HTTP/1.1",
    HTTPStatus.REQUEST_URI_TOO_LONG: "cannot take this request:"
    f" its target is longer than {MOST_TARGET_BYTES} bytes",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "cannot take this request:"
    f" target and headers are larger than {MOST_HEAD_BYTES} bytes",
}


class _RefusedError(Exception):
    """Ends the parsing; the parser turns it into an error of its own."""


class BoundedHttp(HttpToolsProtocol):
    """`uvicorn.Config(http=BoundedHttp)`: refusals are problem documents (RFC 9457)."""

    _status = HTTPStatus.BAD_REQUEST
    _refused = False
    _size = _unread = 0
    """Of what was told of this request, and of what may be still in the parser."""

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._refused:
            return
        self._unread += len(data)
        super().data_received(data)
        # What the parser holds of a header that does not end is told to nobody.
        if self._unread > MOST_HEAD_BYTES:
            self._status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """See httptools."""
        self._size = self._unread = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """See httptools."""
        self._size += len(url)
        if self._size > MOST_TARGET_BYTES:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools; also for what follows a body."""
        self._size += len(name) + len(value) + _AROUND_HEADER
        if self._size > MOST_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._unread = 0
        super().on_body(body)

    def _refuse(self, status: HTTPStatus) -> None:
        self._status = status
        raise _RefusedError

    def send_400_response(self, msg: str) -> None:
        """See uvicorn, which calls it for whatever cannot be parsed; `msg` says no more."""
        if self._refused:
            return
        self._refused = True
        status = self._status
        problem = {"type": "about:blank", "title": status.phrase, "status": status}
        body = json.dumps(problem | {"detail": _WHY[status], "faults": []}).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            f"content-type: application/problem+json\r\ncontent-length: {len(body)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        get_running_loop().call_later(_LINGER_S, self.transport.close)
