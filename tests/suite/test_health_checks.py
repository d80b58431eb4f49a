import pytest
from pydantic import ValidationError

from intertie.suite.health_checks import HealthChecks, Thresholds

GUIDE = {
    "interval": 300,
    "checks": ["service_status", "resource_usage", "error_rates", "response_times"],
    "thresholds": {"cpu_usage": 80, "memory_usage": 85, "disk_usage": 90, "error_rate": 5},
}


def test_the_defaults_are_those_of_the_guide() -> None:
    """Value by value; of response times, where it says nothing, one second."""
    assert HealthChecks.model_validate(GUIDE) == HealthChecks()
    limits = HealthChecks().thresholds
    assert (limits.cpu_usage, limits.memory_usage, limits.disk_usage) == (80, 85, 90)
    assert (limits.error_rate, limits.response_time_p95) == (5, 1.0)
    assert HealthChecks().interval == 300


def test_percent_may_be_written_out() -> None:
    """As everywhere."""
    assert Thresholds.model_validate({"cpu_usage": "80%"}) == Thresholds()


@pytest.mark.parametrize(("written", "seconds"), [("1000ms", 1.0), ("2s", 2.0), ("1.5s", 1.5)])
def test_response_times_have_their_unit(written: str, seconds: float) -> None:
    """Seconds are kept."""
    made = Thresholds.model_validate({"response_time_p95": written})

    assert made.response_time_p95 == seconds


@pytest.mark.parametrize("written", [1000, "1000", 1.5, "1.5"])
def test_a_response_time_without_a_unit_is_refused(written: object) -> None:
    """Nobody could tell whether seconds or milliseconds are meant."""
    with pytest.raises(ValidationError, match="with its unit, such as 1000ms"):
        Thresholds.model_validate({"response_time_p95": written})


@pytest.mark.parametrize(
    "keys",
    [
        {"interval": 0},
        {"interval": "100ms"},
        {"checks": []},
        {"checks": ["weather"]},
        {"thresholds": {"cpu_usage": 101}},
        {"thresholds": {"disk_usage": 0}},
        {"thresholds": {"noise": 1}},
    ],
)
def test_what_makes_no_sense_is_refused(keys: dict[str, object]) -> None:
    """Before anything runs."""
    with pytest.raises(ValidationError):
        HealthChecks.model_validate(keys)
