import math

import pytest

from intertie.monitor.sample import STALE, Matcher, Series, is_name, is_stale


def test_labels_have_one_order_and_no_empty_values() -> None:
    """So that the same thing is always the same series."""
    one = Series.of("up", {"b": "2", "a": 'x"\\\n', "c": ""})

    assert one == Series.of("up", {"a": 'x"\\\n', "b": "2"})
    assert str(one) == r'up{a="x\"\\\n", b="2"}'
    assert str(Series.of("up")) == "up"


@pytest.mark.parametrize(
    ("op", "value", "fits"),
    [
        ("=", "web", True),
        ("!=", "web", False),
        ("=~", "we.", True),
        ("=~", "w", False),
        ("!~", "w.*", False),
        ("!~", "e", True),
    ],
)
def test_a_matcher_judges_a_whole_label(op: str, value: str, fits: bool) -> None:
    """Also the name; a label that is not there is an empty text."""
    series = Series.of("up", {"service": "web"})

    assert Matcher("service", op, value).fits(series) is fits  # type: ignore[arg-type]
    assert Matcher("__name__", "=", "up").fits(series)
    assert Matcher("nothing", "=", "").fits(series)
    assert not Matcher("nothing", "!=", "").fits(series)


def test_a_stale_marker_is_a_nan_of_its_own() -> None:
    """Other NaNs are values."""
    assert is_stale(STALE)
    assert not is_stale(math.nan)
    assert not is_stale(0.0)


def test_a_name_is_what_prometheus_takes() -> None:
    """Letters, digits, underscores and colons; no digit first."""
    assert is_name("node:cpu_seconds_total")
    assert not is_name("0up")
    assert not is_name("a-b")
