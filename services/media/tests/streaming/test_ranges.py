import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie_media.errors import Refused
from intertie_media.streaming.ranges import Part, is_unchanged, wanted

ETAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", Part(0, 1)),
        ("bytes=2-5", Part(2, 6)),
        ("bytes=2-", Part(2, 10)),
        ("bytes=2-99", Part(2, 10)),
        ("bytes=-3", Part(7, 10)),
        ("bytes=-99", Part(0, 10)),
    ],
)
def test_one_part_is_sent_as_asked(header: str, part: Part) -> None:
    """First and last byte, an open end, or the last so many bytes."""
    assert wanted({"range": header}, 10, ETAG) == part


@pytest.mark.parametrize(
    "header", ["", "bytes=", "bytes=-", "lines=0-1", "bytes=0-1,4-5", "bytes=5-2", "bytes=a-b"]
)
def test_what_is_not_one_part_gives_the_whole(header: str) -> None:
    """As RFC 9110 allows for several parts, and wants for what cannot be read."""
    assert wanted({"range": header} if header else {}, 10, ETAG) is None


@pytest.mark.parametrize(("header", "size"), [("bytes=10-", 10), ("bytes=-0", 10), ("bytes=0-", 0)])
def test_a_part_behind_the_end_is_refused(header: str, size: int) -> None:
    """With status 416 and the size there is."""
    with pytest.raises(Refused) as caught:
        wanted({"range": header}, size, ETAG)

    assert (caught.value.status, caught.value.members["size"]) == (416, size)


def test_a_part_of_another_version_is_not_sent() -> None:
    """If-Range: the whole new version instead."""
    assert wanted({"range": "bytes=0-1", "if-range": '"old"'}, 10, ETAG) is None
    assert wanted({"range": "bytes=0-1", "if-range": ETAG}, 10, ETAG) == Part(0, 2)


@given(st.integers(1, 1000), st.integers(0, 1000), st.integers(0, 2000))
def test_a_part_lies_within_the_file(size: int, first: int, last: int) -> None:
    """Whatever is asked for."""
    try:
        part = wanted({"range": f"bytes={first}-{last}"}, size, ETAG)
    except Refused:
        assert first >= size
        return
    assert part is None or 0 <= part.start < part.end <= size


@pytest.mark.parametrize(
    ("header", "expected"),
    [(ETAG, True), (f'"x", W/{ETAG}', True), ("*", True), ('"x"', False), ("", False)],
)
def test_the_same_version_is_not_sent_again(header: str, expected: bool) -> None:
    """If-None-Match may name several versions."""
    assert is_unchanged({"if-none-match": header}, ETAG) is expected
