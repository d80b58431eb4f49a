"""Follows a change to its end."""

import pytest

from tests.harness import Bench

pytestmark = pytest.mark.slow


def test_each_step_is_printed_when_it_is_done(running: Bench) -> None:
    """With its service and what happened."""
    out = running.ok("restart", "echo", "web").out

    assert [line.split()[1:3] for line in out.splitlines()] == [
        ["echo", "restarted"],
        ["web", "restarted"],
    ]


def test_json_is_the_final_change_alone(running: Bench) -> None:
    """Nothing else is on standard output, so that it can be parsed."""
    change = running.ok("restart", "echo", "--json").json()

    assert change["status"] == "done"


def test_a_failed_change_is_an_error_with_its_id(bench: Bench) -> None:
    """Exit code 1, the reason, and the id to look it up by."""
    bench.write(
        "suite: x\napi: {port: auto}\nservices:\n"
        "  a: {command: sleep 1000}\n  b: {command: /no/such/program, profiles: [later]}\n"
    )

    failed = bench("up", "--detach", "--profile", "later")

    assert failed.code == 1
    assert "/no/such/program" in failed.err
    change = failed.err.rpartition("(change ")[2].strip().rstrip(")")
    assert bench.ok("changes", change).out.startswith(change)
