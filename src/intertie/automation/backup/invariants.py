"""What must be the same after a restore: each file, and what each table holds."""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from intertie.automation.backup.tree import each, is_kept

_WRAP = 1 << 128


class File(BaseModel):
    """A file, or a link, which has a target and no content."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    mode: int
    sha256: str = ""
    link: str | None = None


class Table(BaseModel):
    """What a table holds, in whatever order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rows: int
    content: str
    """Sum of the hashes of its rows."""


class Invariants(BaseModel):
    """Of one source."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: Mapping[str, File] = {}
    tables: Mapping[str, Table] = {}
    totals: Mapping[str, int] = {}
    """Figures by their names, such as all bytes of a bucket's objects."""

    @property
    def digest(self) -> str:
        """One hash of all of it."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


def folder_files(folder: Path) -> dict[str, File]:
    """Each file and link of a folder by its path in it. Raises OSError."""
    found = (path for path in each(folder) if is_kept(path))
    return {_name(path.relative_to(folder)): _file(path) for path in found}


def _name(path: Path) -> str:
    # Names that are not UTF-8 go into JSON escaped.
    return path.as_posix().encode(errors="surrogateescape").decode(errors="backslashreplace")


def _file(path: Path) -> File:
    status = path.lstat()
    mode = status.st_mode & 0o777
    if path.is_symlink():
        return File(size=0, mode=0, link=_name(path.readlink()))
    return File(size=status.st_size, mode=mode, sha256=sha256(path))


def sha256(path: Path) -> str:
    """Of a file's content. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sqlite_tables(path: Path) -> dict[str, Table]:
    """What each table of an SQLite file holds, at one moment. Raises sqlite3.Error."""
    with closing(connect_sqlite(path)) as connection:
        connection.execute("BEGIN")
        return connection_tables(connection)


def connect_sqlite(path: Path, timeout_s: float = 10.0) -> sqlite3.Connection:
    """For reading only, whoever else has it open. Raises sqlite3.Error."""
    address = f"file:{quote(str(path.resolve()))}?mode=ro"
    return sqlite3.connect(
        address, uri=True, timeout=timeout_s, isolation_level=None, check_same_thread=False
    )


def connection_tables(connection: sqlite3.Connection) -> dict[str, Table]:
    """What each table holds in the transaction that is open, with the schema as one more."""
    connection.text_factory = _text
    schema = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    found = {"(schema)": table_of(schema)}
    for kind, name, _, sql in schema:
        # What a virtual table shows is kept in ordinary ones beside it.
        if kind == "table" and not name.startswith("sqlite_") and not _is_virtual(sql):
            quoted = name.replace('"', '""')
            found[name] = table_of(connection.execute(f'SELECT * FROM "{quoted}"'))  # noqa: S608 — quoted
    return found


def _text(value: bytes) -> str:
    return value.decode(errors="surrogateescape")


def _is_virtual(sql: str | None) -> bool:
    return (sql or "").upper().startswith("CREATE VIRTUAL")


def table_of(rows: Iterable[tuple[object, ...]]) -> Table:
    """What these rows hold, in whatever order."""
    count = total = 0
    for row in rows:
        count += 1
        digest = hashlib.blake2b(repr(row).encode(), digest_size=16).digest()
        total = (total + int.from_bytes(digest)) % _WRAP
    return Table(rows=count, content=f"{total:032x}")


def differences(before: Invariants, after: Invariants) -> tuple[str, ...]:
    """What is not as it was, each with the table or file it is about."""
    return (
        *_missing("file", before.files, after.files),
        *(
            f"file {name!r} differs: {_of_file(file, after.files[name])}"
            for name, file in before.files.items()
            if name in after.files and after.files[name] != file
        ),
        *_missing("table", before.tables, after.tables),
        *(
            f"table {name!r} differs: {table.rows} rows before, {after.tables[name].rows} now"
            for name, table in before.tables.items()
            if name in after.tables and after.tables[name] != table
        ),
        *(
            f"{name}: {count} before, {after.totals.get(name)} now"
            for name, count in before.totals.items()
            if after.totals.get(name) != count
        ),
    )


def _missing(what: str, before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    return [
        *(f"{what} {name!r} is missing" for name in before if name not in after),
        *(f"{what} {name!r} was not there before" for name in after if name not in before),
    ]


def _of_file(before: File, after: File) -> str:
    if before.link != after.link:
        return f"link to {before.link!r} before, to {after.link!r} now"
    if before.size != after.size:
        return f"{before.size} bytes before, {after.size} now"
    if before.sha256 != after.sha256:
        return "its content"
    return f"mode {before.mode:o} before, {after.mode:o} now"
