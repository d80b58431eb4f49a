"""Read what services wrote."""

import pytest

from tests.harness import Bench

pytestmark = pytest.mark.slow


def test_logs_outlive_the_service(running: Bench) -> None:
    """What a stopped service said can still be read."""
    running.ok("stop", "echo")

    lines = running.ok("logs", "echo", "--tail", "1").out
    running.ok("start", "web")

    assert "hello from echo" in lines


def test_an_unknown_service_is_told_before_the_first_line(running: Bench) -> None:
    """With the nearest name."""
    failed = running("logs", "ecco")

    assert failed.code == 1
    assert "did you mean 'echo'?" in failed.err
