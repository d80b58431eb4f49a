"""Commands about what happened."""

import pytest

from tests.harness import Bench

pytestmark = pytest.mark.slow


def test_events_tell_what_started(running: Bench) -> None:
    """One a line, or one JSON object a line."""
    text = running.ok("events").out
    lines = running.ok("events", "--json").out.splitlines()

    assert "suite.service_started" in text
    assert len(lines) >= len(text.splitlines())
    assert all(line.startswith("{") for line in lines)


def test_changes_lists_and_shows(running: Bench) -> None:
    """The list has the ids; an id shows the steps."""
    listed = running.ok("changes", "--json").json()["items"]

    shown = running.ok("changes", listed[-1]["id"]).out

    assert listed[-1]["title"] == "up"
    assert "web" in shown
    assert "start" in shown


def test_abort_needs_a_change_that_is_being_done(running: Bench) -> None:
    """An ended one is told so; no id is wrong usage."""
    ended = running.ok("changes", "--json").json()["items"][-1]["id"]

    refused = running("changes", ended, "--abort")

    assert refused.code == 1
    assert "it is done already" in refused.err
    assert running("changes", "--abort").code == 2
