"""Look at services; start, stop and restart them."""

import pytest

from tests.harness import Bench

pytestmark = pytest.mark.slow


def test_actions_wait_for_the_end_and_are_recorded(running: Bench) -> None:
    """Each action of the command line is one change, by that actor."""
    running.ok("restart", "echo")

    newest = running.ok("changes", "--json").json()["items"][0]

    assert newest["title"] == "restart echo"
    assert newest["status"] == "done"
    assert newest["actor"] == "rest"


def test_all_unknown_names_are_told_at_once(running: Bench) -> None:
    """Nothing is begun when one of them is wrong."""
    before = running.ok("changes", "--json").json()["total"]

    failed = running("restart", "echo", "wep", "xyz")

    assert failed.code == 1
    assert "'wep', 'xyz'; did you mean 'web'?" in failed.err
    assert running.ok("changes", "--json").json()["total"] == before
