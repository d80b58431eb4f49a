import pytest

from intertie.api.prometheus_api import moment, step
from intertie.errors import IntertieError


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("1.5", 1500),
        ("1970-01-01T00:00:02Z", 2000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01", 0),
        (None, 7),
        ("", 7),
    ],
)
def test_a_moment_is_unix_seconds_or_a_date(text: str | None, at_ms: int) -> None:
    """Nothing is the moment now."""
    assert moment(text, 7) == at_ms


@pytest.mark.parametrize(("text", "step_ms"), [("15", 15_000), ("0.5", 500), ("5m", 300_000)])
def test_a_step_is_seconds_or_a_duration(text: str, step_ms: int) -> None:
    """In milliseconds."""
    assert step(text) == step_ms


@pytest.mark.parametrize("text", ["noon", "1e400", "9" * 20, "0000-00-00"])
def test_what_is_no_moment_is_told(text: str) -> None:
    """With what is expected."""
    with pytest.raises(IntertieError, match="expected Unix seconds or a date"):
        moment(text, 0)


@pytest.mark.parametrize("text", ["", "0", "-1", "soon", "1e9"])
def test_what_is_no_step_is_told(text: str) -> None:
    """With the reason."""
    with pytest.raises(IntertieError, match="cannot use"):
        step(text)
