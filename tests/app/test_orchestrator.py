"""The composition root."""

import json
import socket
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from anyio import fail_after

from intertie.app.orchestrator import Settings, SuiteOrchestrator
from intertie.errors import IntertieError
from intertie.runtime.folder import StateFolder
from tests.bus.peers.server import free_port
from tests.e2e.shop import until
from tests.harness import Bench, contents

pytestmark = pytest.mark.slow

TEXT = """
suite: x
api: {port: auto}
services:
  a: {command: sleep 1000, environment: {KEY: '${secret:k}'}}
"""


def test_what_a_daemon_leaves_readable_holds_no_secret(bench: Bench) -> None:
    """The secret reaches the process and nothing else: not the API, the database or a log."""
    (bench.state / "secrets").mkdir(parents=True)
    secret = bench.state / "secrets" / "k"
    secret.write_text("hunter2")
    secret.chmod(0o600)
    bench.write(TEXT)
    bench.ok("up", "--detach")

    with bench.api() as api:
        shown = "".join(
            api.get(path).text
            for path in ("/api/services", "/api/changes", "/api/plan", "/api/events?follow=false")
        )

    process = psutil.Process(bench.service("a")["replicas"][0]["pid"])
    assert process.environ()["KEY"] == "hunter2"
    assert "hunter2" not in shown
    for file, text in contents(bench.state).items():
        if file != secret:
            assert b"hunter2" not in text, file


def test_only_this_user_can_read_the_management_key(bench: Bench) -> None:
    """File and folder are private; the announcement does not repeat the key."""
    bench.write(TEXT.replace(", environment: {KEY: '${secret:k}'}", ""))
    bench.ok("up", "--detach")

    key = bench.state / "run" / "api.token"

    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
    assert key.read_text() not in json.dumps(bench.daemon())


def test_two_suites_run_side_by_side(bench: Bench) -> None:
    """Another state folder is another suite; stopping one leaves the other alone."""
    bench.write(TEXT.replace(", environment: {KEY: '${secret:k}'}", ""))
    other = ("--state", str(bench.folder / "other"))
    bench.ok("up", "--detach")
    bench.ok("up", "--detach", *other)

    bench.ok("down", *other)

    assert bench.service("a")["status"] == "UP"


@pytest.mark.anyio
async def test_what_could_not_be_opened_is_not_open(tmp_path: Path) -> None:
    """It is told again, nothing is held, and it works once it can."""
    with socket.socket() as taken:
        port = free_port()
        taken.bind(("127.0.0.1", port))
        taken.listen()
        file = tmp_path / "intertie.yaml"
        file.write_text(TEXT.replace("${secret:k}", "v").replace("auto", str(port)))
        folder = StateFolder(tmp_path / ".intertie")
        orchestrator = SuiteOrchestrator(Settings(file, None, folder, idle=True))
        for _ in range(2):
            with pytest.raises(IntertieError, match=str(port)):
                await orchestrator.open()
    with fail_after(60):
        await orchestrator.open()
        await orchestrator.close()


def test_a_journal_that_cannot_be_written_ends_no_suite(bench: Bench) -> None:
    """A full disk takes events away, not services."""
    bench.write(TEXT.replace(", environment: {KEY: '${secret:k}'}", ""))
    bench.ok("up", "--detach")
    with closing(sqlite3.connect(bench.state / "events.db", isolation_level=None)) as journal:
        journal.execute("DROP TABLE events")
    bench.ok("restart", "a")

    assert bench.service("a")["status"] == "UP"
    until(lambda: "event not kept" in (bench.state / "logs" / "daemon.log").read_text())
