"""A DuckDB file copied while nobody else has it open, and what its tables hold.

DuckDB loads slowly: who imports this does so only when there is such a file.
"""

import shutil
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import duckdb

from intertie.automation.backup.invariants import Table, table_of
from intertie.automation.backup.port import BackupError

_ALONE: dict[str, str | bool | int | float | list[str]] = {
    # Whatever the file turns out to be, nothing is fetched from the network for it.
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_CONTENT = (
    # md5 stays the same from version to version; `hash` may not.
    "SELECT count(*), coalesce(sum(md5_number_lower(row::VARCHAR)::HUGEINT), 0) FROM"
)


def copy_duckdb(path: Path, target: Path) -> Mapping[str, Table]:
    """Copy all a DuckDB file holds, and what that is. Raises BackupError.

    Not while another process has it open for writing: DuckDB lets nobody else read then.
    """
    try:
        with closing(duckdb.connect(config=_ALONE)) as connection:
            connection.execute(f"ATTACH {_quoted(path)} AS origin (READ_ONLY, TYPE duckdb)")
            connection.execute(f"ATTACH {_quoted(target)} AS copy")
            connection.execute("COPY FROM DATABASE origin TO copy")
    except duckdb.Error as exc:
        why = str(exc).partition("\n")[0]
        raise BackupError(f"cannot back up the database {path}: {why}") from exc
    copied = duckdb_tables(target)
    if duckdb_tables(path) != copied:
        raise BackupError(f"cannot back up the database {path}: its copy differs from it")
    shutil.copystat(path, target)
    return copied


def duckdb_tables(path: Path) -> dict[str, Table]:
    """What each table of a DuckDB file holds. Raises BackupError."""
    try:
        with closing(duckdb.connect(path, read_only=True, config=_ALONE)) as connection:
            return _tables(connection)
    except duckdb.Error as exc:
        why = str(exc).partition("\n")[0]
        raise BackupError(f"cannot read the duckdb {path}: {why}") from exc


def _tables(connection: duckdb.DuckDBPyConnection) -> dict[str, Table]:
    names = connection.execute(
        "SELECT schema_name, table_name, sql FROM duckdb_tables() WHERE NOT internal"
        " AND database_name = current_database() ORDER BY ALL"
    ).fetchall()
    found = {"(schema)": table_of(names)}
    for schema, name, _ in names:
        place = ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))
        rows, content = connection.execute(f"{_CONTENT} {place} AS row").fetchall()[0]
        found[f"{schema}.{name}"] = Table(rows=rows, content=f"{content:x}")
    return found


def _quoted(path: Path) -> str:
    return "'" + str(path.resolve()).replace("'", "''") + "'"
