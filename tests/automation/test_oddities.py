"""What a schedule does that its author may not have meant."""

from datetime import UTC, datetime

import pytest

from intertie.automation.oddities import oddities
from intertie.errors import IntertieError
from intertie.suite.schedule import Timing

START = datetime(2025, 1, 1, tzinfo=UTC)


def told(schedule: str, dst: str = "debian", years: int = 1) -> list[str]:
    """All in Berlin, as text."""
    timing = Timing.model_validate({"schedule": schedule, "timezone": "Europe/Berlin", "dst": dst})
    return [odd.what for odd in oddities(timing, "backup", START, years)]


@pytest.mark.parametrize(
    ("dst", "spring", "autumn"),
    [
        ("debian", "runs at 03:00 on 2025-03-30", "runs only the first time on 2025-10-26"),
        ("skip", "does not run for it on 2025-03-30", "runs only the first time on 2025-10-26"),
        ("both", "runs at 03:00 on 2025-03-30", "runs twice on 2025-10-26"),
    ],
)
def test_a_time_that_is_left_out_or_shown_twice_is_told(dst: str, spring: str, autumn: str) -> None:
    """With what becomes of the run, by each policy."""
    assert told("30 2 * * *", dst) == [
        f"backup {spring}: the clock leaves 02:30 out",
        f"backup {autumn}: the clock shows 02:30 twice",
    ]


def test_by_utc_a_task_moves_on_the_wall_with_each_clock_change() -> None:
    """Told for the first run after it."""
    assert told("30 2 * * *", "utc") == [
        "backup runs at 04:30 from 2025-03-30 on, not at 03:30: UTC keeps its time",
        "backup runs at 03:30 from 2025-10-26 on, not at 04:30: UTC keeps its time",
    ]


def test_a_task_that_runs_each_hour_has_an_oddity_only_where_it_pauses() -> None:
    """An hour's pause comes with `skip` in autumn; the others run evenly."""
    assert told("*/15 * * * *") == told("*/15 * * * *", "both") == []
    assert told("*/15 * * * *", "skip") == [
        "backup does not run from 02:00 to 03:00 the second time on 2025-10-26, "
        "when the clock shows it twice"
    ]


def test_a_step_of_hours_loses_the_hour_that_is_left_out() -> None:
    """Debian's rule moves only runs at fixed hours."""
    assert told("0 */2 * * *") == [
        "backup does not run for it on 2025-03-30: the clock leaves 02:00 out",
        "backup runs twice on 2025-10-26: the clock shows 02:00 twice",
    ]


def test_months_without_the_day_are_named() -> None:
    """The 31st is missing in five of twelve."""
    found = told("0 12 31 * *")
    assert len(found) == 5
    assert found[0] == "backup does not run on day 31 of February 2025: there is none"
    assert told("0 12 */2 * *") == told("0 12 28 * *") == []


def test_oddities_come_in_order_and_only_within_the_time_asked_for() -> None:
    """Two years by default, from the start on."""
    found = oddities(Timing(schedule="0 2 30 * *", timezone="Europe/Berlin"), "backup", START)
    times = [odd.at for odd in found]
    assert times == sorted(times)
    assert START <= times[0] < times[-1] <= datetime(2027, 1, 1, tzinfo=UTC)
    assert sum("day 30 of February" in odd.what for odd in found) == 2


def test_a_task_that_does_not_run_in_all_that_time_says_when_it_will() -> None:
    """29 February, seen from 2025."""
    assert told("0 0 29 2 *") == ["backup does not run within a year; next on 2028-02-29"]


def test_day_of_month_and_of_week_together_mean_either() -> None:
    """The oldest surprise of cron."""
    (first,) = told("0 12 13 * 5")
    assert first.startswith("backup runs when either fits, not only when both do")


def test_a_schedule_that_never_comes_is_refused() -> None:
    """As everywhere else."""
    with pytest.raises(IntertieError, match="cannot use schedule"):
        told("0 0 30 2 *")


def test_utc_itself_has_no_clock_changes() -> None:
    """Whatever the policy."""
    for dst in ("debian", "skip", "both", "utc"):
        timing = Timing.model_validate({"schedule": "30 2 * * *", "dst": dst})
        assert list(oddities(timing, "backup", START)) == []
