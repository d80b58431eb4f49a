"""Bring the running suite to what the file says."""

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
        "gone: {command: sleep 1002}", "new: {command: sleep 3}"
    )
    bench.write(text)

    planned = bench.ok("plan", "--json").json()
    bench.ok("apply")

    steps = {(step["action"], step["service"]) for step in planned["steps"]}
    assert steps == {("replace", "changed"), ("remove", "gone"), ("start", "new")}
    assert any("1001" in line and "2001" in line for line in planned["lines"])
    assert {each["name"] for each in bench.ok("ps", "--json").json()} == {"kept", "changed", "new"}
    assert bench.service("kept")["replicas"][0]["pid"] == kept


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
