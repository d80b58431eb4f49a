"""The words of rates and limits in a suite file."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from intertie.suite.limits import RateLimiting, RateText, Window, Windows, parse_windows

RATE = TypeAdapter[Window](RateText)
WINDOWS = TypeAdapter[tuple[Window, ...]](Windows)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1000/hour", Window(3600, 1000, "hour")),
        (" 5 / second ", Window(1, 5, "second")),
        ("20 per day", Window(86400, 20, "day")),
        ("9/month", Window(2592000, 9, "month")),
        ("100", Window(3600, 100, "hour")),
        (100, Window(3600, 100, "hour")),
    ],
)
def test_a_rate_is_a_count_and_a_unit(text: object, expected: Window) -> None:
    """A number alone is an hour's."""
    assert RATE.validate_python(text) == expected


@pytest.mark.parametrize(
    "text", ["0/hour", "-1", "1/year", "1/", "", True, 1.5, "1e3", None, "²/day"]
)
def test_what_is_no_rate_is_a_fault(text: object) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValidationError):
        RATE.validate_python(text)


@pytest.mark.parametrize("text", ["1000/hour, 100/minute", ["100/minute", "1000/hour"]])
def test_several_rates_are_kept_the_shortest_first(text: object) -> None:
    """In whatever order and form they are given."""
    found = WINDOWS.validate_python(text)

    assert [str(each) for each in found] == ["100/minute", "1000/hour"]
    assert WINDOWS.dump_python(found) == "100/minute, 1000/hour"
    assert WINDOWS.validate_python(WINDOWS.dump_python(found)) == found


@pytest.mark.parametrize("text", ["1/hour, 2/hour", [], ",", "1/hour,"])
def test_a_unit_is_named_once(text: object) -> None:
    """Two rates of one unit would be one too many."""
    with pytest.raises(ValidationError):
        WINDOWS.validate_python(text)


def test_the_defaults_are_those_of_the_guide() -> None:
    """1000 an hour, 100 a minute, 429."""
    found = RateLimiting()

    assert (str(found.default_rate), str(found.burst_rate)) == ("1000/hour", "100/minute")
    assert found.throttling_response == 429
    shown = RateLimiting.model_json_schema()["properties"]
    assert shown["default_rate"]["default"] == "1000/hour"
    assert RateLimiting.model_validate(found.model_dump(mode="json")) == found


@pytest.mark.parametrize(
    "given",
    [
        {"burst_rate": "100/hour"},
        {"throttling_response": 200},
        {"key": "cookie"},
        {"key": "route"},
        {"key": "client+client"},
        {"consumers": {"ada": "1/hour"}},
        {"unknown": 1},
    ],
)
def test_what_makes_no_sense_is_a_fault(given: dict[str, Any]) -> None:
    """Each fault is told when the file is read."""
    with pytest.raises(ValidationError):
        RateLimiting.model_validate(given)


@pytest.mark.parametrize(
    ("given", "kept"),
    [("client+route", "client+route"), ("route+header:X-Team", "header:x-team+route")],
)
def test_a_key_may_have_several_parts(given: str, kept: str) -> None:
    """In any order; names of headers in any case."""
    assert RateLimiting(key=given).key == kept


def test_a_plan_of_one_client_is_of_that_client() -> None:
    """As limits and records know it."""
    found = RateLimiting.model_validate({"consumers": {"key:3f9a": "5000/hour, 9/second"}})

    assert found.consumers["key:3f9a"] == parse_windows("9/second, 5000/hour")


@pytest.mark.parametrize("given", [{"calendar": True}, {"algorithm": "fixed"}])
def test_windows_of_the_calendar_need_shared_counters(given: dict[str, Any]) -> None:
    """Those of a gateway alone are buckets."""
    with pytest.raises(ValidationError, match="counters: shared"):
        RateLimiting.model_validate(given)

    assert RateLimiting.model_validate({**given, "counters": "shared"}).counters == "shared"
