"""Upkeep of SQLite files that others use meanwhile: never for long, never in their way.

Runs in a process of its own also because a process that closes a second handle of a database file
loses the locks of the first (SQLite, "How To Corrupt", 2.2).
"""

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from intertie.automation.maintenance.port import Done

FREE_SHARE = 0.25
"""A file with more free pages than this is written anew."""
HOLD_S = 5.0
"""A database is held no longer: who else writes to it waits for ten seconds before giving up."""
_BUSY_S = 2.0
_ROWS = 1000
"""Looked at of each index: enough for good plans, and quick however large the table is."""
_STEPS = 1000
_ROOM = 2
_MAGIC = b"SQLite format 3\x00"
_FOLDERS = (".", "identity", "integrations", "monitoring", "automation")
_Act = Callable[[sqlite3.Connection], None]
_IN_THE_WAY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_INTERRUPT}


class Upkeep(BaseModel):
    """What a process of its own is asked to tend."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Path


@dataclass(frozen=True, slots=True)
class Tended:
    """What became of one database."""

    freed_bytes: int
    left: str = ""
    """What was not done this time, and why."""


def tend_all(asked: Upkeep) -> Done:
    """Tend each database of the state folder."""
    changed, freed, left, faults = 0, 0, list[str](), list[str]()
    for path in databases(asked.state):
        try:
            found = tend(path)
        except (sqlite3.Error, OSError) as exc:
            faults.append(f"cannot tend {path.name}: {exc}")
            continue
        changed += 1
        freed += found.freed_bytes
        left += [f"{path.name}: {found.left}"] if found.left else []
    told = "; ".join([f"{changed} databases tended", *left])
    return Done(told=told, changed=changed, freed_bytes=freed, faults=tuple(faults))


def databases(state: Path) -> Sequence[Path]:
    """Our own SQLite files; what services keep is theirs."""
    files = [file for name in _FOLDERS for file in sorted((state / name).glob("*.db"))]
    return [file for file in files if _is_sqlite(file)]


def tend(path: Path, *, hold_s: float = HOLD_S) -> Tended:
    """Count what indexes hold, give back free pages, and empty the log. Raises sqlite3.Error."""
    before = _size(path)
    with closing(_connected(path)) as connection:
        left = [
            _unless_busy(connection, "statistics", _learn, hold_s),
            _unless_busy(connection, "free pages", _shrink, hold_s),
            _unless_busy(connection, "its log", _empty_log, hold_s),
        ]
    return Tended(max(0, before - _size(path)), "; ".join(filter(None, left)))


def _connected(path: Path) -> sqlite3.Connection:
    url = f"file:{quote(str(path))}?mode=rw"  # one that has gone is not made anew
    return sqlite3.connect(url, uri=True, timeout=_BUSY_S, isolation_level=None)


class _LaterError(Exception):
    """It is not to be done now."""


def _unless_busy(connection: sqlite3.Connection, what: str, act: _Act, hold_s: float) -> str:
    """Why it was not done, or nothing. Raises sqlite3.Error for what is not others' use of it."""
    try:
        with _no_longer_than(connection, hold_s):
            act(connection)
    except _LaterError as exc:
        return f"{what} left: {exc}"
    except sqlite3.OperationalError as exc:
        if exc.sqlite_errorcode & 0xFF not in _IN_THE_WAY:
            raise
        why = f"it took longer than {hold_s:g} s" if "interrupt" in str(exc) else "it is in use"
        return f"{what} left: {why}"
    return ""


@contextmanager
def _no_longer_than(connection: sqlite3.Connection, hold_s: float) -> Iterator[None]:
    """What takes longer is undone; also when we are stopped in it to save processor time."""
    until_s = time.monotonic() + hold_s
    connection.set_progress_handler(lambda: int(time.monotonic() > until_s), _STEPS)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 0)


def _learn(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA analysis_limit = {_ROWS}")
    connection.execute("ANALYZE")
    connection.execute("PRAGMA optimize")


def _shrink(connection: sqlite3.Connection) -> None:
    free, pages = _number(connection, "freelist_count"), _number(connection, "page_count")
    if not pages or free / pages <= FREE_SHARE:
        return
    if _number(connection, "auto_vacuum") == 2:  # noqa: PLR2004 — incremental
        connection.executescript("PRAGMA incremental_vacuum")  # `execute` ends after one page
        return
    need = _ROOM * (pages - free) * _number(connection, "page_size")
    file = Path(connection.execute("PRAGMA database_list").fetchone()[2])
    if shutil.disk_usage(file.parent).free < need:
        raise _LaterError(f"to write it anew takes {need} bytes, which the disk does not have")
    connection.execute("VACUUM")


def _empty_log(connection: sqlite3.Connection) -> None:
    busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise _LaterError("it is in use")


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    (found,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return int(found)


def _size(path: Path) -> int:
    log = path.with_name(f"{path.name}-wal")
    return sum(file.stat().st_size for file in (path, log) if file.exists())


def _is_sqlite(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False
