"""Bring the running suite to what the file says."""

import subprocess
import sys

import httpx
import pytest

from tests.harness import Bench

pytestmark = pytest.mark.slow

TEXT = """
suite: apply
api: {port: auto}
services:
  kept: {command: sleep 1000}
  changed: {command: sleep 1001}
  gone: {command: sleep 1002}
"""


def test_only_what_differs_is_touched(bench: Bench) -> None:
    """One replaced, one removed, one added; the others keep their process."""
    bench.write(TEXT)
    bench.ok("up", "--detach")
    kept = bench.service("kept")["replicas"][0]["pid"]
    text = TEXT.replace("1001", "2001").replace(
        "gone: {command: sleep 1002}", "new: {command: sleep 1003}"
    )
    bench.write(text)

    planned = bench.ok("plan", "--json").json()
    bench.ok("apply")

    steps = {(step["action"], step["service"]) for step in planned["steps"]}
    assert steps == {("replace", "changed"), ("remove", "gone"), ("start", "new")}
    assert any("1001" in line and "2001" in line for line in planned["lines"])
    assert {each["name"] for each in bench.ok("ps", "--json").json()} == {"kept", "changed", "new"}
    assert bench.service("kept")["replicas"][0]["pid"] == kept


def test_the_newest_file_counts_however_long_an_older_change_takes(bench: Bench) -> None:
    """An `up` that still waits for a service brings no older routes back when it ends."""
    slow = "slow: {command: sh -c 'until test -e go; do sleep 0.05; done; echo up; sleep 1000',"
    slow += " ready_log_line: up}"
    route = "{path: /%s, redirect: {to: /elsewhere, status: 301}, auth_required: false}"
    text = f"suite: apply\napi: {{port: auto}}\nservices:\n  {slow}\ngateway:\n  port: auto\n"
    bench.write(text + f"  routes: [{route % 'old'}]\n")
    command = [sys.executable, "-m", "intertie", "up", "--detach"]
    with subprocess.Popen(command, cwd=bench.folder, stdout=subprocess.DEVNULL) as up:
        while "slow" not in bench("ps", "--json").out:
            assert up.poll() is None
        bench.write(text + f"  routes: [{route % 'new'}]\n")
        bench.ok("apply")
        (bench.folder / "go").touch()
        assert up.wait(120) == 0

    door = bench.daemon()["gateway_url"]

    assert httpx.get(f"{door}/new", trust_env=False, timeout=60).status_code == 301
    assert httpx.get(f"{door}/old", trust_env=False, timeout=60).status_code == 404


def test_plan_changes_nothing(bench: Bench) -> None:
    """Looking is free."""
    bench.write(TEXT)
    bench.ok("up", "--detach")
    bench.write(TEXT.replace("1001", "2001"))
    before = bench.service("changed")["replicas"][0]["pid"]

    bench.ok("plan")

    assert bench.service("changed")["replicas"][0]["pid"] == before


def test_what_only_a_new_daemon_can_do_is_refused(bench: Bench) -> None:
    """A gateway added later, or another API port, is told with what to do; nothing is changed."""
    bench.write(TEXT)
    bench.ok("up", "--detach")

    bench.write(TEXT + "gateway: {port: auto}\n")
    added = bench("apply")
    bench.write(TEXT.replace("api: {port: auto}", "api: {port: 12345}"))
    moved = bench("plan")

    assert (added.code, moved.code) == (1, 1)
    assert "cannot add a gateway to a running suite" in added.err
    assert "cannot move the management API" in moved.err
    assert bench.service("kept")["status"] == "UP"
