"""The file of a metrics store: how it is made, locked, opened and measured."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from numpy.typing import NDArray

from intertie.errors import StoreError
from intertie.monitor.duck_catalog import Catalog, MaxOf, labels_of
from intertie.monitor.sample import Series
from intertie.suite.monitoring import Step

TIERS: tuple[Step, ...] = ("5m", "1h", "1d")
"""What is rolled up; shorter steps are computed when they are asked for."""

Parameters = Sequence[object] | Mapping[str, object]

Columns = Mapping[str, NDArray[Any]]
"""Each column has a type of its own."""

_STORAGE = "v1.4.0"
"""Newer formats cannot be read by the long-supported release of the engine."""
_SCHEMA_NUMBER = 1
_MEMORY_MB, _REST_MB = 256, 8
_SCHEMA = [
    "CREATE TABLE mark (name TEXT NOT NULL, at_ms BIGINT NOT NULL)",
    "CREATE TABLE series (id INTEGER NOT NULL, name TEXT NOT NULL, labels TEXT NOT NULL)",
    "CREATE TABLE samples (series_id INTEGER NOT NULL, at_ms BIGINT NOT NULL, value DOUBLE)",
    "CREATE TABLE redo (step TEXT NOT NULL, at_ms BIGINT NOT NULL)",
    *(
        f"CREATE TABLE tier_{step} (series_id INTEGER NOT NULL, at_ms BIGINT NOT NULL,"
        " n BIGINT NOT NULL, sum DOUBLE, low DOUBLE, high DOUBLE, p95 DOUBLE, exact BOOLEAN)"
        for step in TIERS
    ),
    "INSERT INTO mark VALUES ('schema', 1)",
]


@dataclass(slots=True)
class Database:
    """An open file with what is known of it in memory. One thread at a time."""

    path: Path
    connection: duckdb.DuckDBPyConnection
    catalog: Catalog
    memory_mb: int
    """What the engine may take at most."""
    marks: dict[str, int] = field(default_factory=dict[str, int])
    """`raw`: older samples are removed; `5m`, `1h`, `1d`: rolled up to here;
    `sorted`: compacted to here. In milliseconds, 0 where nothing was done yet."""
    redo: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    """Intervals before those marks that changed since, by step."""

    def mark(self, name: str) -> int:
        """See `marks`."""
        return self.marks.get(name, 0)

    def set_mark(self, name: str, at_ms: int) -> None:
        """To be called in a transaction, as its last part."""
        self.connection.execute("DELETE FROM mark WHERE name = ?", [name])
        self.connection.execute("INSERT INTO mark VALUES (?, ?)", [name, at_ms])
        self.marks[name] = at_ms

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, on the disk once it has ended."""
        marks = dict(self.marks)
        self.connection.begin()
        try:
            yield
            self.connection.commit()
        except BaseException:
            self.marks = marks
            with suppress(duckdb.Error):  # a failed commit has ended it already
                self.connection.rollback()
            raise

    @contextmanager
    def given(self, name: str, columns: Columns) -> Iterator[None]:
        """Arrays as a view that queries may name."""
        self.connection.register(name, dict(columns))
        try:
            yield
        finally:
            self.connection.unregister(name)

    def release(self) -> None:
        """Forget what was read of the file: the engine keeps that up to its limit."""
        with suppress(duckdb.Error):  # what is in use stays
            self.connection.execute(f"SET memory_limit = '{_REST_MB}MB'")
        self.connection.execute(f"SET memory_limit = '{self.memory_mb}MB'")

    def number(self, sql: str, parameters: Parameters = ()) -> int | None:
        """The one number that a query gives."""
        given = dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
        rows = self.connection.execute(sql, given).fetchall()
        return None if not rows or rows[0][0] is None else int(rows[0][0])

    def size_bytes(self) -> int:
        """In use: blocks that are free again do not count."""
        sql = "SELECT used_blocks * block_size FROM pragma_database_size() WHERE database_name = ?"
        log = self.path.with_name(self.path.name + ".wal")
        with suppress(FileNotFoundError):
            return (self.number(sql, ["metrics"]) or 0) + log.stat().st_size
        return self.number(sql, ["metrics"]) or 0


@contextmanager
def opened(
    path: Path, *, max_series: int, max_of: MaxOf = lambda _: None, memory_mb: int = _MEMORY_MB
) -> Iterator[Database]:
    """Open the file, or create it. Raises StoreError, and then nothing is touched."""
    with _locked(path):
        try:
            connection = _connected(path, memory_mb)
        except (OSError, duckdb.Error) as exc:
            raise _unusable(path, told(exc)) from exc
        try:
            yield _loaded(Database(path, connection, Catalog(max_series, max_of), memory_mb))
        finally:
            connection.close()


def copy(database: Database, folder: Path) -> Path:
    """A consistent copy of the file in the folder, under the same name."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / database.path.name
    part = folder / f"{target.name}.part"
    part.unlink(missing_ok=True)
    try:
        _attach(database.connection, part, "copied")
        try:
            database.connection.execute("COPY FROM DATABASE metrics TO copied")
        finally:
            database.connection.execute("DETACH copied")
        part.chmod(0o600)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
        part.with_name(f"{part.name}.wal").unlink(missing_ok=True)
    return target


def told(exc: BaseException) -> str:
    """The first line of what is wrong: the engine adds advice for its developers."""
    return (str(exc).splitlines() or [type(exc).__name__])[0]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # the engine's own lock is lost once the same process opens the file a second time
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as exc:
        raise StoreError(f"cannot open {path}: {exc.strerror}") from exc
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as exc:
            holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
            why = f"process {holder} has it open; ask that one, or read a snapshot"
            raise StoreError(f"cannot open {path}: {why}") from exc
        os.ftruncate(lock, 0)
        os.pwrite(lock, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(lock)


def _connected(path: Path, memory_mb: int) -> duckdb.DuckDBPyConnection:
    spill = path.with_name(f"{path.name}.tmp")
    shutil.rmtree(spill, ignore_errors=True)  # of a killed process
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_mb}MB",
        "threads": 1,
        "temp_directory": str(spill),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    connection = duckdb.connect(":memory:", config=settings)
    try:
        if not path.exists():
            _no_log_alone(path)
            _create(connection, path)
        _attach(connection, path, "metrics")
        connection.execute("USE metrics")
    except BaseException:
        connection.close()
        raise
    return connection


def _no_log_alone(path: Path) -> None:
    log = path.with_name(f"{path.name}.wal")
    if log.exists():
        why = f"its log {log} is there without it; put the file back, or move the log away too"
        raise StoreError(f"cannot open {path}: {why}")


def _create(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Beside its place first: a file that is there is whole, and nobody else's to read."""
    fresh = path.with_name(f"{path.name}.new")
    for old in (fresh, fresh.with_name(f"{fresh.name}.wal")):
        old.unlink(missing_ok=True)
    _attach(connection, fresh, "fresh")
    connection.execute("USE fresh")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute("USE memory")
    connection.execute("DETACH fresh")
    fresh.chmod(0o600)
    fresh.replace(path)


def _attach(connection: duckdb.DuckDBPyConnection, path: Path, name: str) -> None:
    quoted = str(path).replace("'", "''")
    connection.execute(f"ATTACH '{quoted}' AS {name} (STORAGE_VERSION '{_STORAGE}')")


def _loaded(found: Database) -> Database:
    path, connection = found.path, found.connection
    try:
        for name, at_ms in connection.execute("SELECT name, at_ms FROM mark").fetchall():
            found.marks[name] = at_ms
        if found.mark("schema") != _SCHEMA_NUMBER:
            raise _unusable(path, f"it has layout {found.mark('schema')}, not {_SCHEMA_NUMBER}")
        rows = connection.execute("SELECT id, name, labels FROM series").fetchall()
        found.catalog.learn({Series.of(name, labels_of(kept)): id for id, name, kept in rows})
        for step, at_ms in connection.execute("SELECT step, at_ms FROM redo").fetchall():
            found.redo.setdefault(step, set()).add(at_ms)
    except duckdb.Error as exc:
        raise _unusable(path, told(exc)) from exc
    return found


def _unusable(path: Path, why: str) -> StoreError:
    return StoreError(f"cannot open {path}: {why}; move it away to begin anew")
