import base64
import hashlib
import random
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie_media.errors import Refused
from intertie_media.upload.protocol import (
    Digests,
    Layout,
    Received,
    Reception,
    ranges,
)

SIZES = st.integers(1, 2_000)
CHUNKS = st.integers(1, 300)


def pieces(data: bytes, size: int) -> list[bytes]:
    """Cut as a network would."""
    return [data[start : start + size] for start in range(0, len(data), size)]


@given(SIZES, CHUNKS)
def test_the_spans_cover_the_file_without_gap_or_overlap(size: int, chunk: int) -> None:
    """Each byte belongs to exactly one chunk."""
    layout = Layout(size, chunk)

    spans = [layout.span(number) for number in range(layout.chunks)]

    assert [span.offset for span in spans] == [number * chunk for number in range(layout.chunks)]
    assert spans[-1].offset + spans[-1].length == size
    assert all(0 < span.length <= chunk for span in spans)


@given(st.binary(min_size=1, max_size=600), CHUNKS, st.integers(1, 50), st.randoms())
def test_chunks_in_any_order_and_piece_by_piece_make_the_file(
    data: bytes, chunk: int, piece: int, order: random.Random
) -> None:
    """Whatever the order, the repeats and the cuts of the network, the file is the file."""
    layout = Layout(len(data), chunk)
    received = Received(layout)
    file = bytearray(len(data))
    sequence = list(range(layout.chunks)) * 2
    order.shuffle(sequence)

    for number in sequence:
        span = layout.span(number)
        sent = data[span.offset : span.offset + span.length]
        digests = Digests(zlib.crc32(sent), hashlib.sha256(sent).digest())
        reception = Reception(span, digests, received.crcs.get(number))
        writes = [write for part in pieces(sent, piece) if (write := reception.feed(part))]
        received.crcs[number] = reception.finish()
        for write in writes:
            file[write.offset : write.offset + len(write.data)] = write.data

    assert bytes(file) == data
    assert received.is_complete
    assert received.size_bytes == len(data)


@given(st.sets(st.integers(0, 60)))
def test_missing_and_received_are_each_others_rest(there: set[int]) -> None:
    """The gaps name exactly the chunks that are not there."""
    layout = Layout(61, 1)
    received = Received(layout, dict.fromkeys(there, 0))

    gaps = received.missing()

    named = {number for first, last in gaps for number in range(first, last + 1)}
    assert named == set(range(61)) - there
    assert all(later[0] > gap[1] + 1 for gap, later in pairwise(gaps))


@given(st.binary(min_size=1, max_size=200), st.integers(0, 199), st.integers(1, 255))
def test_one_damaged_byte_is_found(data: bytes, at: int, flip: int) -> None:
    """Either digest alone refuses a chunk whose bytes changed on the way."""
    at %= len(data)
    damaged = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
    span = Layout(len(data), len(data)).span(0)

    for digests in (Digests(crc32=zlib.crc32(data)), Digests(sha256=hashlib.sha256(data).digest())):
        reception = Reception(span, digests)
        reception.feed(damaged)
        with pytest.raises(Refused) as caught:
            reception.finish()
        assert (caught.value.status, caught.value.code) == (460, "checksum_mismatch")


@pytest.mark.parametrize(("sent", "status"), [(b"123", 400), (b"", 400), (b"12345", 413)])
def test_a_chunk_has_its_exact_length(sent: bytes, status: int) -> None:
    """Not a byte less, and the first byte more is refused before it is written."""
    reception = Reception(Layout(4, 4).span(0), Digests())

    def receive() -> None:
        reception.feed(sent)
        reception.finish()

    with pytest.raises(Refused) as caught:
        receive()

    assert caught.value.status == status


def test_a_chunk_that_was_taken_is_not_written_again() -> None:
    """Sent again, its bytes are only compared."""
    reception = Reception(Layout(4, 4).span(0), Digests(), taken=zlib.crc32(b"data"))

    assert reception.feed(b"data") is None
    assert reception.finish() == zlib.crc32(b"data")


def test_other_bytes_for_a_taken_chunk_are_a_conflict() -> None:
    """The bytes of a chunk that was taken never change."""
    reception = Reception(Layout(4, 4).span(0), Digests(), taken=zlib.crc32(b"data"))
    reception.feed(b"atad")

    with pytest.raises(Refused) as caught:
        reception.finish()

    assert (caught.value.status, caught.value.code) == (409, "chunk_differs")


@pytest.mark.parametrize("number", [-1, 2, 10**30])
def test_a_chunk_that_the_file_does_not_have_is_unknown(number: int) -> None:
    """The answer says which there are."""
    with pytest.raises(Refused, match="chunks 0 to 1") as caught:
        Layout(5, 4).span(number)

    assert caught.value.status == 404


def test_completing_names_what_is_missing() -> None:
    """As ranges for programs, and in words for people."""
    received = Received(Layout(7, 1), {0: 0, 2: 0})

    with pytest.raises(Refused, match="chunks 1, 3-6 are missing") as caught:
        received.must_be_complete()

    assert caught.value.members == {"missing": [(1, 1), (3, 6)]}


def test_many_gaps_are_cut_short_in_words_only() -> None:
    """A sentence stays a sentence; the ranges are all there."""
    received = Received(Layout(100, 1), dict.fromkeys(range(0, 100, 2), 0))

    with pytest.raises(Refused, match=r", … are missing") as caught:
        received.must_be_complete()

    assert received.missing() == caught.value.members["missing"]


SHA = base64.b64encode(hashlib.sha256(b"x").digest()).decode()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, Digests()),
        ({"x-chunk-crc32": "0000ABcd"}, Digests(crc32=0xABCD)),
        ({"content-digest": f"sha-256=:{SHA}:"}, Digests(sha256=hashlib.sha256(b"x").digest())),
        (
            {"content-digest": f"md5=:AAAA:, sha-256=:{SHA}:;a=1, crc32c=:AAAA:"},
            Digests(sha256=hashlib.sha256(b"x").digest()),
        ),
        ({"content-digest": "sha-512=:AAAA:"}, Digests()),
    ],
)
def test_digests_are_read_from_both_headers(headers: dict[str, str], expected: Digests) -> None:
    """Algorithms we do not know are passed over (RFC 9530, section 2)."""
    assert Digests.read(headers) == expected


@pytest.mark.parametrize(
    "headers",
    [
        {"x-chunk-crc32": ""},
        {"x-chunk-crc32": "123"},
        {"x-chunk-crc32": "0x123456"},
        {"content-digest": "sha-256=:AAAA:"},
        {"content-digest": "sha-256=:=:"},
    ],
)
def test_a_digest_that_cannot_be_read_is_refused(headers: dict[str, str]) -> None:
    """Who announces a digest wants it checked."""
    with pytest.raises(Refused) as caught:
        Digests.read(headers)

    assert (caught.value.status, caught.value.code) == (400, "bad_header")


def test_ranges_join_neighbours() -> None:
    """First and last of each run."""
    assert ranges([0, 1, 2, 5, 7, 8]) == [(0, 2), (5, 5), (7, 8)]
    assert ranges([]) == []
