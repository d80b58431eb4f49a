"""`explain` and `scale`, from the command line."""

import pytest

from tests.harness import Bench

pytestmark = pytest.mark.slow


def test_explain_tells_needs_and_the_critical_path(running: Bench) -> None:
    """For a person, and as JSON."""
    text = running.ok("explain", "web").out
    found = running.ok("explain", "web", "--json").json()

    assert "web running" in text
    assert "needs     ✔ echo started: running: running" in text
    assert "last start, by the critical path" in text
    assert [leg["service"] for leg in found["critical_path"]][-1] == "web"
    assert found["needs"][0]["service"] == "echo"


def test_explain_of_nobody_names_the_nearest(running: Bench) -> None:
    """As every command."""
    done = running("explain", "wev")

    assert done.code == 1
    assert "did you mean 'web'?" in done.err


def test_scale_adds_and_takes_away(running: Bench) -> None:
    """The replica that was there keeps its process."""
    before = running.service("echo")["replicas"]

    assert "scaled" in running.ok("scale", "echo=3").out
    more = running.service("echo")["replicas"]
    running.ok("scale", "echo=1")

    assert len(more) == 3
    assert running.service("echo")["replicas"][0]["pid"] == before[0]["pid"]
    assert len(running.service("echo")["replicas"]) == 1


@pytest.mark.parametrize("count", ["echo", "echo=0", "echo=x", "=3"])
def test_a_wrong_count_is_refused(running: Bench, count: str) -> None:
    """With what was expected."""
    done = running("scale", count)

    assert done.code == 2
    assert "expected SERVICE=N" in done.err
