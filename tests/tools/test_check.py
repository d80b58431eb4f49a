"""The gate runner runs every gate and hides no failure."""

import sys

import pytest

from tools import check
from tools.check import Gate

PASSES = Gate("passes", (sys.executable, "-c", "print('all well')"))
FAILS = Gate("fails", (sys.executable, "-c", "print('the reason'); raise SystemExit(3)"))
ABSENT = Gate("absent", ("/nowhere/tool",))


def test_all_gates_passing_is_success(capsys: pytest.CaptureFixture[str]) -> None:
    """Each gate has its line, with what the tool said last."""
    code = check.report(check.run([PASSES]))

    out = capsys.readouterr().out
    assert code == 0
    assert "all well" in out
    assert "1 gates passed, 0 failed" in out


def test_a_failed_gate_fails_the_run_and_shows_its_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The others still run, and the summary names the failed one."""
    code = check.report(check.run([FAILS, PASSES]))

    out = capsys.readouterr().out
    assert code == 1
    assert "the reason" in out
    assert out.rstrip().endswith("1 gates passed, 1 failed: fails")


def test_a_tool_that_is_missing_is_a_failure() -> None:
    """A gate that could not run has not passed."""
    (outcome,) = check.run([ABSENT])

    assert not outcome.passed
    assert "cannot run /nowhere/tool" in outcome.output


def test_unknown_gate_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt name must not pass by running nothing."""
    with pytest.raises(SystemExit, match="2"):
        check.main(["mypi"])

    assert "no such gate: mypi" in capsys.readouterr().err
