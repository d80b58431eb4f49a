"""The naive rival: one row a sample, as most small tools keep them."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from benchmarks.monitoring.data import Tick
from intertie.monitor.sample import Series

_SCHEMA = """
CREATE TABLE samples (series INTEGER, at_ms INTEGER, value REAL, PRIMARY KEY (series, at_ms))
WITHOUT ROWID
"""
_P95 = """
SELECT value FROM samples WHERE series = ? AND at_ms >= ? AND at_ms < ?
ORDER BY value LIMIT 1 OFFSET ?
"""


class SqliteRows:
    """With a log, and each commit synced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA cache_size = -256000")
        self._db.execute(_SCHEMA)
        self._numbers: dict[Series, int] = {}

    def close(self) -> None:
        """For good."""
        self._db.close()

    def take(self, moments: Sequence[int], told: Sequence[Tick], *, synced: int) -> float:
        """Seconds for the first ticks, a commit each; the others go in together, not measured."""
        found = list(zip(moments, told, strict=True))
        began = perf_counter()
        for each in found[:synced]:
            self._append([each])
        took = perf_counter() - began
        self._append(found[synced:])
        return took

    def _append(self, found: Sequence[tuple[int, Tick]]) -> None:
        """One commit."""
        numbers = self._numbers
        rows = (
            (numbers.setdefault(each.series, len(numbers)), at_ms, each.value)
            for at_ms, samples in found
            for each in samples
        )
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO samples VALUES (?, ?, ?)", rows)
        self._db.execute("COMMIT")

    def percentile(self, start_ms: int, length_ms: int) -> float:
        """Milliseconds for the p95 of each series; the nearest sample, for want of a function."""
        place = length_ms // 1_000 * 95 // 100
        began = perf_counter()
        for number in self._numbers.values():
            bounds = (number, start_ms, start_ms + length_ms, place)
            self._db.execute(_P95, bounds).fetchone()
        return (perf_counter() - began) * 1e3

    def size_bytes(self) -> int:
        """Of the file, once the log is in it."""
        self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return self._path.stat().st_size
