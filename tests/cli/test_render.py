"""Answers as text for people."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from intertie.cli import render
from intertie.errors import Fault

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def service(name: str, replicas: int) -> dict[str, object]:
    """A service as the API shows it."""
    return {
        "name": name,
        "replicas": [
            {
                "index": index,
                "state": "running",
                "pid": 100 + index,
                "port": None,
                "restarts": 0,
                "since": (NOW - timedelta(minutes=3)).isoformat(),
                "reason": "healthy",
            }
            for index in range(replicas)
        ],
    }


def test_services_are_a_table_with_a_row_a_replica(capsys: pytest.CaptureFixture[str]) -> None:
    """Replicas are numbered where there are several."""
    render.services({"items": [service("api", 1), service("web", 2)]}, NOW)

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["SERVICE", "STATE", "PID", "PORT", "RESTARTS", "SINCE", "WHY"]
    assert [line.split()[0] for line in lines[1:]] == ["api", "web/0", "web/1"]
    assert lines[1].split()[1:] == ["running", "100", "-", "0", "3m", "healthy"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(-5, "0s"), (59, "59s"), (60, "1m"), (7200, "2h"), (200_000, "2d")]
)
def test_ages_are_in_their_largest_unit(seconds: int, text: str) -> None:
    """Short enough for a column; a clock that went back is no negative age."""
    assert render.age(timedelta(seconds=seconds)) == text


def test_a_long_error_is_one_line_in_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    """The whole of it is shown with the change itself."""
    change = {
        "id": "1",
        "title": "up",
        "status": "failed",
        "actor": "up",
        "began_at": NOW.isoformat(),
        "error": "cannot start\nlast words",
        "steps": [{"service": "a", "action": "start", "status": "failed", "why": ["new"]}],
    }

    render.changes({"items": [change]})
    listed = capsys.readouterr().out
    render.change(change)
    shown = capsys.readouterr().out

    assert "last words" not in listed
    assert "last words" in shown
    assert "new" in shown


def test_events_and_log_lines_fit_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Time, type, subject and what the payload adds."""
    render.event(
        {
            "time": "2026-01-01T12:00:00.123Z",
            "type": "suite.x",
            "subject": "api",
            "data": {"pid": 7, "port": None},
        }
    )
    render.log_line({"service": "api", "replica": 0, "stream": "out", "text": "hello"}, 10)

    event, line = capsys.readouterr().out.splitlines()
    assert event.split() == ["12:00:00.123", "suite.x", "api", "pid=7"]
    assert line == "api/0      | hello"


def test_a_fault_as_json_keeps_its_place() -> None:
    """Paths become text."""
    assert render.fault(Fault(Path("s.yaml"), 1, 2, "a", "wrong"))["file"] == "s.yaml"
