import pytest

from intertie.errors import IntertieError
from intertie.monitor.mute_windows import time_intervals
from intertie.suite.monitoring import Mute


def _clocks(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"start_time": start, "end_time": end} for start, end in pairs]


@pytest.mark.parametrize(
    ("schedule", "minutes", "expected"),
    [
        ("0 3 * * 0", 120, [{"times": _clocks(("03:00", "05:00")), "weekdays": ["sunday"]}]),
        ("30 22 * * *", 90, [{"times": _clocks(("22:30", "24:00"))}]),
        (
            "0 23 * * 6,7",
            120,
            [
                {"times": _clocks(("23:00", "24:00")), "weekdays": ["sunday", "saturday"]},
                {"times": _clocks(("00:00", "01:00")), "weekdays": ["sunday", "monday"]},
            ],
        ),
        (
            "0 12 * * 5",
            36 * 60,
            [
                {"times": _clocks(("12:00", "24:00")), "weekdays": ["friday"]},
                {"times": _clocks(("00:00", "24:00")), "weekdays": ["saturday"]},
            ],
        ),
        (
            "*/30 1 1,L 2 *",
            10,
            [
                {
                    "times": _clocks(("01:00", "01:10"), ("01:30", "01:40")),
                    "days_of_month": ["-1", "1"],
                    "months": ["2"],
                }
            ],
        ),
        (
            "0 1 1 * 1",
            60,
            [
                {"times": _clocks(("01:00", "02:00")), "days_of_month": ["1"]},
                {"times": _clocks(("01:00", "02:00")), "weekdays": ["monday"]},
            ],
        ),
    ],
)
def test_a_window_is_told_as_days_and_times(
    schedule: str, minutes: int, expected: list[dict[str, object]]
) -> None:
    """What goes beyond midnight is the next day's too; cron's two kinds of day are alternatives."""
    mute = Mute(schedule=schedule, duration=minutes * 60.0, timezone="Europe/Berlin")

    assert time_intervals(mute) == [{**each, "location": "Europe/Berlin"} for each in expected]


@pytest.mark.parametrize(
    ("schedule", "seconds", "told"),
    [
        ("0 3 * * 0", 90, "no whole number of minutes"),
        ("0 23 1 * *", 7200, "beyond midnight, on certain days of a month"),
        ("0 3 * * 5L", 60, "a certain weekday of a month"),
        ("0 3 LW * *", 60, "the last working day"),
        ("* * * * *", 60, "more than 96 times a day"),
        ("0 0 3 * * 0", 60, "has seconds"),
        ("at noon", 60, "its schedule `at noon` is none"),
    ],
)
def test_what_alertmanager_cannot_say_is_an_error(schedule: str, seconds: int, told: str) -> None:
    """So that the window is not silently another one."""
    with pytest.raises(IntertieError, match=told):
        time_intervals(Mute(schedule=schedule, duration=float(seconds)))
