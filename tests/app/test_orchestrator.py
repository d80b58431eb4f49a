"""The composition root."""

import json
import stat

import psutil
import pytest

from tests.harness import Bench

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
    for file in bench.state.rglob("*"):
        if file.is_file() and file != secret:
            assert b"hunter2" not in file.read_bytes(), file


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
