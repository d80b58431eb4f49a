import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from anyio import run_process

from intertie.automation.backup.port import BackupError
from intertie.automation.backup.snapshot_postgresql import (
    DUMP,
    dump_postgresql,
    split_password,
)
from tests.bus.peers.server import free_port

pytestmark = pytest.mark.anyio


def test_a_password_is_no_argument() -> None:
    """It is taken out of the address."""
    assert split_password("postgresql://me:p%40ss@host:5433/db?sslmode=require") == (
        "postgresql://me@host:5433/db?sslmode=require",
        "p@ss",
    )
    assert split_password("postgres://host/db") == ("postgres://host/db", None)


def test_other_addresses_are_refused() -> None:
    """Without showing what they hold."""
    for bad in ("mysql://me:secret@host/db", "postgresql://host/db?password=secret"):
        with pytest.raises(BackupError) as failed:
            split_password(bad)
        assert "secret" not in str(failed.value)


def programs() -> Path | None:
    """Where PostgreSQL's server is."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


def run(*argv: str | Path, check: bool = True) -> None:
    """Run a program of the server, which refuses to run as root."""
    other = "postgres" if os.geteuid() == 0 else None
    subprocess.run(
        argv,
        check=check,
        # Not a pipe: the server that pg_ctl starts would keep it open.
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        timeout=60,
        user=other,
    )


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server of its own, with a password."""
    programs_at = programs()
    if programs_at is None:
        pytest.skip("needs PostgreSQL's server (Debian: apt-get install postgresql)")
    port = free_port()
    # Not in pytest's folder, which only its own user may enter.
    with TemporaryDirectory() as made:
        home = Path(made)
        (home / "password").write_text("p@ss")
        if os.geteuid() == 0:
            shutil.chown(home, "postgres")
            shutil.chown(home / "password", "postgres")
        data, secret = home / "data", f"--pwfile={home / 'password'}"
        options = f"-p {port} -k {home} -h 127.0.0.1 -F"
        initdb, pg_ctl = programs_at / "initdb", programs_at / "pg_ctl"
        run(initdb, "-D", data, "-U", "me", "-A", "scram-sha-256", secret, "-N")
        try:
            run(pg_ctl, "-D", data, "-w", "-l", home / "log", "-o", options, "start")
            yield f"postgresql://me:p%40ss@127.0.0.1:{port}/postgres"
        finally:
            run(pg_ctl, "-D", data, "-w", "-m", "immediate", "stop", check=False)


def ask(url: str, sql: str) -> str:
    """What psql answers."""
    argv = ["psql", "-X", "-At", url, "-c", sql]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.slow
async def test_a_dump_brings_all_of_it_back(server: str, tmp_path: Path) -> None:
    """Restored into another database it holds the same rows."""
    ask(server, "CREATE TABLE t AS SELECT n, md5(n::text) AS h FROM generate_series(1, 5000) n")

    await dump_postgresql(server, tmp_path)

    ask(server, "CREATE DATABASE other")
    other = server.removesuffix("postgres") + "other"
    await run_process(["pg_restore", "--exit-on-error", "-d", other, str(tmp_path / DUMP)])
    total = "SELECT count(*), md5(string_agg(h, '' ORDER BY n)) FROM t"
    assert ask(other, total) == ask(server, total)


@pytest.mark.slow
async def test_a_wrong_password_is_said(server: str, tmp_path: Path) -> None:
    """Without showing it."""
    with pytest.raises(BackupError, match="authentication failed") as failed:
        await dump_postgresql(server.replace("p%40ss", "not-this"), tmp_path)

    assert "not-this" not in str(failed.value)


async def test_a_missing_program_is_said(tmp_path: Path) -> None:
    """With how to get it."""
    with pytest.raises(BackupError, match="apt-get install postgresql-client"):
        await dump_postgresql("postgresql://host/db", tmp_path, env={"PATH": str(tmp_path)})
