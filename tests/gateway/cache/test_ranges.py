"""Parts of a kept answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.gateway.cache.ranges import UNSATISFIABLE, Part, part


@pytest.mark.parametrize(
    ("told", "found"),
    [
        (b"bytes=0-1", Part(0, 1, 10)),
        (b"bytes=5-", Part(5, 9, 10)),
        (b"bytes=-3", Part(7, 9, 10)),
        (b"bytes=-30", Part(0, 9, 10)),
        (b"bytes=5-99", Part(5, 9, 10)),
        (b"bytes=10-", UNSATISFIABLE),
        (b"bytes=-0", UNSATISFIABLE),
        (b"bytes=5-4", None),
        (b"bytes=-", None),
        (b"bytes=0-1,3-4", None),
        (b"lines=0-1", None),
        (None, None),
    ],
)
def test_parts(told: bytes | None, found: object) -> None:
    """What cannot be parsed, and several parts, mean the whole."""
    assert part(told, 10) == found


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99))
def test_a_part_lies_within(first: int, last: int, size: int) -> None:
    """Of any answer."""
    found = part(b"bytes=%d-%d" % (first, last), size)

    if isinstance(found, Part):
        assert 0 <= found.first <= found.last < size
        assert found.content_range == b"bytes %d-%d/%d" % (found.first, found.last, size)
