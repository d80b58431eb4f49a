"""gzip from strangers: never more in memory than what is allowed."""

import zlib

from intertie.errors import IntertieError

_GZIP = 16 + zlib.MAX_WBITS


class Inflater:
    """Takes a body in parts."""

    def __init__(self, limit_bytes: int, *, gzipped: bool) -> None:
        self._limit_bytes = limit_bytes
        self._zlib = zlib.decompressobj(_GZIP) if gzipped else None
        self._body = bytearray()

    def feed(self, part: bytes) -> None:
        """Raises IntertieError once it is too much, or no gzip."""
        room = self._limit_bytes - len(self._body) + 1
        if self._zlib is not None:
            try:
                part = self._zlib.decompress(part, room)
            except zlib.error as exc:
                raise IntertieError(f"cannot read the body: it is no gzip: {exc}") from exc
        self._body += part[:room]
        if len(self._body) > self._limit_bytes:
            raise IntertieError(
                f"cannot read the body: it is larger than {self._limit_bytes >> 20} MiB"
            )

    def done(self) -> bytes:
        """The whole. Raises IntertieError when the end is missing."""
        if self._zlib is not None and not self._zlib.eof:
            raise IntertieError("cannot read the body: its end is missing")
        return bytes(self._body)


def inflate(body: bytes, limit_bytes: int, *, gzipped: bool) -> bytes:
    """A body that is there as a whole. Raises IntertieError as above."""
    inflater = Inflater(limit_bytes, gzipped=gzipped)
    inflater.feed(body)
    return inflater.done()
