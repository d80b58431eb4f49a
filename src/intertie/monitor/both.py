"""The ring and the store as one source: the newest samples are in the first before the second."""

from collections.abc import Callable, Sequence

import numpy as np

from intertie.monitor.ring import Ring
from intertie.monitor.sample import Found, Matcher, Series, Source


class Both:
    """Reads what the ring holds from there, and what is older from the store."""

    def __init__(self, ring: Ring, store: Source, *, since_ms: Callable[[], int]) -> None:
        """`since_ms`: the ring has everything after that moment."""
        self._ring = ring
        self._store = store
        self._since_ms = since_ms

    async def select(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int
    ) -> Sequence[Found]:
        """See Source; sorted by series."""
        since_ms = self._since_ms()
        if start_ms >= since_ms:
            return await self._ring.select(matchers, start_ms, end_ms)
        old = await self._store.select(matchers, start_ms, min(end_ms, since_ms))
        new = await self._ring.select(matchers, since_ms, end_ms)
        parts: dict[Series, list[Found]] = {}
        for found in (*old, *new):
            parts.setdefault(found.series, []).append(found)
        return [_joined(parts[series]) for series in sorted(parts)]


def _joined(parts: Sequence[Found]) -> Found:
    if len(parts) == 1:
        return parts[0]
    return Found(
        parts[0].series,
        np.concatenate([each.times for each in parts]),
        np.concatenate([each.values for each in parts]),
    )
