"""A PostgreSQL database as pg_dump writes it: of one moment, while others go on writing."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from intertie.automation.backup.port import BackupError
from intertie.automation.backup.program import Program

DUMP = "dump.pgcustom"
_INSTALL = "install it (Debian: `apt-get install postgresql-client`)"


async def dump_postgresql(url: str, folder: Path, *, env: Mapping[str, str] | None = None) -> None:
    """Write the database's dump into the folder, for `pg_restore`. Raises BackupError."""
    plain, password = split_password(url)
    secret = {"PGPASSWORD": password} if password is not None else {}
    surroundings = {"PGCONNECT_TIMEOUT": "10", **(env or {}), **secret}
    program = Program(name="pg_dump", install=_INSTALL, env=surroundings)
    target = str(folder / DUMP)
    words = ["--format=custom", "--no-password", f"--file={target}", f"--dbname={plain}"]
    await program.run(f"back up the database {plain}", words)
    # Its list of content must be readable.
    reader = Program(name="pg_restore", install=_INSTALL)
    await reader.run(f"read the dump of {plain}", ["--list", target])


def split_password(url: str) -> tuple[str, str | None]:
    """The address without its password, and that. Raises BackupError, which does not show it."""
    try:
        parts = urlsplit(url)
    except ValueError as exc:
        raise BackupError("cannot back up a postgresql: its url is not one") from exc
    if parts.scheme not in {"postgresql", "postgres"}:
        raise BackupError("cannot back up a postgresql: its url must begin with postgresql://")
    if "password=" in parts.query:
        raise BackupError("cannot back up a postgresql: put the password before the host")
    login, at, host = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    plain = urlunsplit(parts._replace(netloc=f"{user}{at}{host}"))
    return plain, unquote(password) if password else None
