"""What tasks are told, and who is told of them; all else is tested on running suites."""

from datetime import UTC, datetime

import pytest

from intertie.app.tasking import message_of
from intertie.automation.record import Run, RunId, Status
from intertie.automation.scheduler import RunResult, Verdict

AT = datetime(2026, 1, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("verdict", "late", "severity", "title"),
    [
        (Verdict.SUCCESS, False, "info", "task backup: success"),
        (Verdict.SUCCESS, True, "info", "task backup: success, late"),
        (Verdict.FAILURE, False, "critical", "task backup: failure"),
        (Verdict.CRASHED, False, "critical", "task backup: crashed"),
    ],
)
def test_a_message_says_how_a_run_went(
    verdict: Verdict, late: bool, severity: str, title: str
) -> None:
    """The same run is told under the same key however often it is sent."""
    run = Run(RunId(7), "backup", AT, "schedule", Status.DONE, 1, error="no space left")

    message = message_of(RunResult(run, verdict, late=late))

    assert (message.severity, message.title) == (severity, title)
    assert "due 2026-01-01T02:00:00+00:00" in message.text
    assert "no space left" in message.text
    assert message.key == "task:backup:7:1"
