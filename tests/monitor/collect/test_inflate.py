import gzip
import tracemalloc

import pytest

from intertie.errors import IntertieError
from intertie.monitor.collect.inflate import Inflater, inflate


@pytest.mark.parametrize("gzipped", [True, False])
def test_a_body_may_be_as_large_as_the_limit(gzipped: bool) -> None:
    """And not a byte larger, whichever way it comes."""
    limit = 1 << 20
    fits, more = b"x" * limit, b"x" * (limit + 1)

    assert inflate(gzip.compress(fits) if gzipped else fits, limit, gzipped=gzipped) == fits
    with pytest.raises(IntertieError, match="larger than 1 MiB"):
        inflate(gzip.compress(more) if gzipped else more, limit, gzipped=gzipped)


def test_it_comes_in_parts() -> None:
    """As they arrive."""
    body = gzip.compress(b"all of it" * 1000)
    inflater = Inflater(1 << 20, gzipped=True)

    for start in range(0, len(body), 7):
        inflater.feed(body[start : start + 7])

    assert inflater.done() == b"all of it" * 1000


def test_a_bomb_is_not_unpacked() -> None:
    """What is beyond the limit never is in memory."""
    bomb = gzip.compress(bytes(50 << 20))

    tracemalloc.start()
    try:
        with pytest.raises(IntertieError, match="larger than 1 MiB"):
            inflate(bomb, 1 << 20, gzipped=True)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert most < 8 << 20


def test_what_is_no_whole_gzip_is_refused() -> None:
    """It would be half a page."""
    whole = gzip.compress(b"all of it" * 1000)

    with pytest.raises(IntertieError, match="no gzip"):
        inflate(b"plain", 1000, gzipped=True)
    with pytest.raises(IntertieError, match="end is missing"):
        inflate(whole[:-9], 100_000, gzipped=True)
