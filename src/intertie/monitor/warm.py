"""Puts what was measured before a restart into the ring, so that rules need the store no more."""

import logging

from intertie.errors import StoreError
from intertie.monitor.ring import Ring
from intertie.monitor.sample import Source

log = logging.getLogger(__name__)

SLICE_MS = 600_000
"""Read at once: a sixth of an hour is in memory twice."""


async def warm(ring: Ring, store: Source, *, now_ms: int, span_ms: int) -> int:
    """The moment after which the ring has all that the store has up to `now_ms`.

    To be called before the first tick. Where the store cannot be read, that moment is later.
    """
    since_ms = now_ms
    while since_ms > now_ms - span_ms:
        start_ms = max(since_ms - SLICE_MS, now_ms - span_ms)
        try:
            found = await store.select((), start_ms, since_ms)
        except StoreError as exc:
            log.warning("rules read the store at first", extra={"reason": str(exc)})
            break
        ring.load(found)
        since_ms = start_ms
    return since_ms
