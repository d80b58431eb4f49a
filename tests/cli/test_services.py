"""Commands about running services."""

import json
import subprocess
import sys

import pytest

from tests.harness import Bench

pytestmark = pytest.mark.slow


def test_ps_shows_state_pid_and_port(running: Bench) -> None:
    """As a table and as JSON, the gateway among the services."""
    table = running.ok("ps").out
    listed = running.ok("ps", "--json").json()

    assert [line.split()[0] for line in table.splitlines()] == [
        "SERVICE",
        "echo",
        "gateway",
        "web",
    ]
    web = next(each for each in listed if each["name"] == "web")
    assert str(web["replicas"][0]["pid"]) in table
    assert str(web["replicas"][0]["port"]) in table


def test_logs_print_both_streams_of_the_services_named(running: Bench) -> None:
    """The name in front; the others are left out."""
    lines = running.ok("logs", "echo", "--tail", "1").out.splitlines()

    assert [line.split(" | ") for line in (each.replace("  ", "") for each in lines)] == [
        ["echo/0", "hello from echo"],
        ["echo/0", "a warning"],
    ]


def test_logs_follow_new_lines_as_json(running: Bench) -> None:
    """A line written after the command began arrives, one JSON object a line."""
    following = subprocess.Popen(
        [sys.executable, "-m", "intertie", "logs", "echo", "--follow", "--tail", "1", "--json"],
        cwd=running.folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert following.stdout is not None
        first = [json.loads(following.stdout.readline())["text"] for _ in range(2)]
        running.ok("restart", "echo")
        again = [json.loads(following.stdout.readline())["text"] for _ in range(2)]
    finally:
        following.terminate()
        following.wait()
        assert following.stdout is not None
        following.stdout.close()

    assert sorted(first) == sorted(again) == ["a warning", "hello from echo"]


def test_stop_and_start_wait_for_the_state(running: Bench) -> None:
    """When the command is back, the service is where it was asked to be."""
    running.ok("stop", "web")
    stopped = running.service("web")["replicas"][0]["state"]

    running.ok("start", "web")

    assert stopped == "stopped"
    assert running.service("web")["status"] == "UP"


def test_lines_can_be_chosen(running: Bench) -> None:
    """By stream, by pattern, and from everything that is kept."""
    errors = running.ok("logs", "echo", "--stream", "err", "--tail", "1").out
    found = running.ok("logs", "--grep", "^hell", "--tail", "1").out
    searched = running.ok("logs", "--search", "a warning").out

    assert errors.strip().endswith("| a warning")
    assert found.strip().endswith("| hello from echo")
    assert "a warning" in searched


def test_a_pattern_that_is_none_is_told(running: Bench) -> None:
    """Before a line is printed."""
    done = running("logs", "--grep", "(")

    assert done.code == 1
    assert "regular expression" in done.err
