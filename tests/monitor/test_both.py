import numpy as np
import pytest

from intertie.monitor.both import Both
from intertie.monitor.ring import Ring
from intertie.monitor.sample import Matcher, Sample, Series

pytestmark = pytest.mark.anyio

UP = Series.of("up")
NAMED = (Matcher("__name__", "=", "up"),)


async def test_what_is_old_comes_from_the_store_and_each_sample_once() -> None:
    """Also where both hold it."""
    ring, store = Ring(), Ring()
    for at_ms in (1000, 2000, 3000):
        store.append(at_ms, [Sample(UP, at_ms / 1000)])
    for at_ms in (2000, 3000, 4000):
        ring.append(at_ms, [Sample(UP, at_ms / 1000)])
    both = Both(ring, store, since_ms=lambda: 1999)

    [whole] = await both.select(NAMED, 0, 4000)
    [new] = await both.select(NAMED, 1999, 3000)
    [old] = await both.select(NAMED, 0, 1500)

    assert np.array_equal(whole.times, [1000, 2000, 3000, 4000])
    assert np.array_equal(new.times, [2000, 3000])
    assert np.array_equal(old.times, [1000])
    assert not await both.select((Matcher("__name__", "=", "down"),), 0, 4000)
