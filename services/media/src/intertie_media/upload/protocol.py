"""The upload protocol without I/O: which bytes belong where, and what is still missing.

A file is cut into chunks of equal size, the last one shorter. Chunks come in any order, several at
once, and may come again. The bytes of a chunk that was taken never change.
"""

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from intertie_media.errors import CHECKSUM_MISMATCH, Refused

MIB = 1 << 20
MIN_CHUNK_BYTES = MIB // 16
MAX_CHUNK_BYTES = 64 * MIB
DEFAULT_CHUNK_BYTES = 8 * MIB

CRC_HEADER = "x-chunk-crc32"
DIGEST_HEADER = "content-digest"

_CRC = re.compile(r"[0-9a-fA-F]{8}")
_SHA256 = re.compile(r"(?:^|,)\s*sha-256\s*=\s*:([A-Za-z0-9+/=]*):\s*(?:;[^,]*)?(?=,|$)")
_SHA256_BYTES = 32
_GAPS_TOLD = 20


@dataclass(frozen=True, slots=True)
class Span:
    """Where a chunk lies in the file."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is cut."""

    size_bytes: int
    chunk_bytes: int

    @property
    def chunks(self) -> int:
        """How many; they count from 0."""
        return -(-self.size_bytes // self.chunk_bytes)

    def span(self, chunk: int) -> Span:
        """Raises Refused (404) for a chunk that the file does not have."""
        if not 0 <= chunk < self.chunks:
            raise Refused(
                f"cannot take chunk {chunk}: this upload has chunks 0 to {self.chunks - 1}",
                status=HTTPStatus.NOT_FOUND,
                code="no_such_chunk",
            )
        offset = chunk * self.chunk_bytes
        return Span(offset, min(self.chunk_bytes, self.size_bytes - offset))


@dataclass(frozen=True, slots=True)
class Digests:
    """What the sender says the bytes of a chunk add up to."""

    crc32: int | None = None
    sha256: bytes | None = None

    @classmethod
    def read(cls, headers: Mapping[str, str]) -> "Digests":
        """From `X-Chunk-CRC32` (8 hex digits) and the sha-256 of `Content-Digest` (RFC 9530).

        Other algorithms of Content-Digest are passed over, as the RFC wants. Raises Refused (400).
        """
        crc = headers.get(CRC_HEADER)
        if crc is not None and not _CRC.fullmatch(crc):
            raise _bad_header(CRC_HEADER, crc, "8 hexadecimal digits")
        return cls(int(crc, 16) if crc else None, _sha256(headers.get(DIGEST_HEADER, "")))


@dataclass(frozen=True, slots=True)
class Write:
    """Put `data` at `offset` of the file."""

    offset: int
    data: bytes


@dataclass(slots=True)
class Reception:
    """One chunk on its way in: `feed` it all pieces, then `finish`."""

    span: Span
    digests: Digests
    taken: int | None = None
    """CRC of the chunk when it was taken before: then it is compared, not written."""
    _length: int = 0
    _crc: int = 0
    _sha256: "_Hash" = field(default_factory=hashlib.sha256)

    def feed(self, data: bytes) -> Write | None:
        """What to write, if anything. Raises Refused (413) beyond the chunk's length."""
        if self._length + len(data) > self.span.length:
            raise Refused(
                f"cannot take the chunk: more than its {self.span.length} bytes came",
                status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                code="chunk_too_long",
            )
        offset = self.span.offset + self._length
        self._length += len(data)
        self._crc = zlib.crc32(data, self._crc)
        if self.digests.sha256 is not None:
            self._sha256.update(data)
        return Write(offset, data) if self.taken is None and data else None

    def finish(self) -> int:
        """The chunk's CRC.

        Raises Refused: 400 too short, 460 other bytes than announced, 409 other bytes than were
        taken before.
        """
        if self._length < self.span.length:
            raise Refused(
                f"cannot take the chunk: {self._length} of its {self.span.length} bytes came",
                status=HTTPStatus.BAD_REQUEST,
                code="chunk_too_short",
            )
        self._compare()
        if self.taken is not None and self.taken != self._crc:
            raise Refused(
                "cannot take the chunk: other bytes were taken for it before",
                status=HTTPStatus.CONFLICT,
                code="chunk_differs",
            )
        return self._crc

    def _compare(self) -> None:
        crc_differs = self.digests.crc32 not in {None, self._crc}
        sha_differs = self.digests.sha256 not in {None, self._sha256.digest()}
        if crc_differs or sha_differs:
            raise Refused(
                "cannot take the chunk: its bytes were damaged on the way, send it again",
                status=CHECKSUM_MISMATCH,
                code="checksum_mismatch",
                crc32=f"{self._crc:08x}",
            )


@dataclass(slots=True)
class Received:
    """Which chunks of an upload are there."""

    layout: Layout
    crcs: dict[int, int] = field(default_factory=dict[int, int])
    """By chunk."""

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing."""
        return len(self.crcs) == self.layout.chunks

    @property
    def size_bytes(self) -> int:
        """Bytes in the chunks that are there."""
        return sum(self.layout.span(chunk).length for chunk in self.crcs)

    def missing(self) -> list[tuple[int, int]]:
        """First and last chunk of each gap, in order."""
        return ranges(chunk for chunk in range(self.layout.chunks) if chunk not in self.crcs)

    def must_be_complete(self) -> None:
        """Raises Refused (409) that names what is missing."""
        if not self.is_complete:
            gaps = self.missing()
            told = ", ".join(f"{a}" if a == b else f"{a}-{b}" for a, b in gaps[:_GAPS_TOLD])
            more = ", …" if len(gaps) > _GAPS_TOLD else ""
            raise Refused(
                f"cannot complete the upload: chunks {told}{more} are missing",
                status=HTTPStatus.CONFLICT,
                code="incomplete",
                missing=gaps,
            )


def ranges(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """First and last of each run of neighbours in ascending `numbers`."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


def _sha256(header: str) -> bytes | None:
    found = _SHA256.search(header)
    if found is None:
        return None
    try:
        digest = base64.b64decode(found[1], validate=True)
    except binascii.Error:
        digest = b""
    if len(digest) != _SHA256_BYTES:
        raise _bad_header(DIGEST_HEADER, header, "32 bytes in base64 for sha-256")
    return digest


def _bad_header(name: str, value: str, expected: str) -> Refused:
    return Refused(
        f"cannot use header {name}: expected {expected}, got {value[:100]!r}",
        status=HTTPStatus.BAD_REQUEST,
        code="bad_header",
    )
