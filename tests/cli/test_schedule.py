"""`schedule explain` needs no running suite; the rest is tested on one."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from tests.harness import Bench

pytestmark = pytest.mark.slow
SUITE = """
suite: odd
services: {web: {command: "true"}}
automation:
  tasks: {night: {command: "true", schedule: "30 2 * * *", timezone: Europe/Berlin}}
  maintenance: {schedule: "0 3 * * 0"}
"""


def clock_changes(since: datetime) -> int:
    """How often the clocks of its place change in two years: four times, or five."""
    days = [since + timedelta(days=number) for number in range(731)]
    return sum(one.utcoffset() != other.utcoffset() for one, other in pairwise(days))


def test_the_next_two_years_are_explained(bench: Bench) -> None:
    """When tasks run next, and what clocks do to them."""
    bench.write(SUITE)

    shown = bench.ok("schedule", "explain").out
    one = bench.ok("schedule", "explain", "maintenance").out
    found = bench.ok("schedule", "explain", "--json").json()
    unknown = bench("schedule", "explain", "nothing")

    assert "the clock leaves 02:30 out" in shown
    assert "the clock shows 02:30 twice" in shown
    assert "nothing is odd about the next two years" in one
    assert len(found["next"]["night"]) == 5
    assert len(found["oddities"]) == clock_changes(datetime.now(ZoneInfo("Europe/Berlin")))
    assert unknown.code == 1
    assert "known are maintenance, night" in unknown.err


@pytest.mark.parametrize(
    ("good", "bad", "told"),
    [
        ("30 2 * * *", "30 2 * *", "suite.yaml:5:11: automation.tasks.night: cannot use schedule"),
        ("30 2 * * *", "0 0 30 2 *", "automation.tasks.night: cannot use schedule"),
        ("Europe/Berlin", "Europe/Berlim", "automation.tasks.night"),
        ("night:", "backup-drill:", "a task of its own"),
        (
            "timezone: Europe/Berlin",
            "notifications: {success: mail}",
            "which `monitoring.channels` does not have",
        ),
    ],
)
def test_what_cannot_be_scheduled_is_a_fault_of_the_file(
    bench: Bench, good: str, bad: str, told: str
) -> None:
    """With its place, before anything starts."""
    bench.write(SUITE.replace(good, bad, 1))

    found = bench("check")

    assert found.code == 2
    assert told in found.err
