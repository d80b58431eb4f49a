"""An SQLite file copied so that the copy is of one moment, whoever writes meanwhile."""

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from intertie.automation.backup.invariants import (
    Table,
    connect_sqlite,
    connection_tables,
    sqlite_tables,
)
from intertie.automation.backup.port import BackupError


def copy_sqlite(path: Path, target: Path) -> Mapping[str, Table]:
    """Copy by SQLite's own backup, and what the tables hold. Raises BackupError.

    With a write-ahead log the tables of the original are read in the same transaction, so the copy
    is compared with what it is a copy of; without one that would keep writers waiting.
    """
    try:
        with closing(connect_sqlite(path)) as source:
            (mode,) = source.execute("PRAGMA journal_mode").fetchone()
            source.execute("BEGIN")
            live = connection_tables(source) if mode == "wal" else None
            with closing(sqlite3.connect(target, isolation_level=None)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")
            source.execute("ROLLBACK")
        copied = sqlite_tables(target)
    except sqlite3.Error as exc:
        raise BackupError(f"cannot back up the database {path}: {exc}") from exc
    if live is not None and live != copied:
        raise BackupError(f"cannot back up the database {path}: its copy differs from it")
    shutil.copystat(path, target)
    return copied
