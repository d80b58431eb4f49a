import math

import pytest

from intertie.errors import IntertieError
from intertie.monitor.sample import Series, is_stale
from intertie.monitor.series_text import number_text, parse_series, parse_values


@pytest.mark.parametrize(
    ("text", "series"),
    [
        ("up", Series.of("up")),
        ("up{}", Series.of("up")),
        ('up{job="a", instance="b:1",}', Series.of("up", {"job": "a", "instance": "b:1"})),
        ("job:up:sum{job='a'}", Series.of("job:up:sum", {"job": "a"})),
        (r'up{path="a\"b\\c\n}"}', Series.of("up", {"path": 'a"b\\c\n}'})),
        ('{__name__="up", job="a"}', Series.of("up", {"job": "a"})),
    ],
)
def test_a_series_is_read_as_it_is_shown(text: str, series: Series) -> None:
    """Labels in any order, in either kind of quotes."""
    assert parse_series(text) == series
    assert parse_series(str(series)) == series


@pytest.mark.parametrize("text", ["", "{}", '{job="a"}', "up{job=a}", 'up{job="a"', "up up"])
def test_what_is_no_series_is_refused(text: str) -> None:
    """With the text itself, so that it is found in the file."""
    with pytest.raises(IntertieError, match="cannot read series `"):
        parse_series(text)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", ()),
        ("0 1.5 -2 +3 1e3", (0, 1.5, -2, 3, 1000)),
        ("0 1 2x3", (0, 1, 2, 2, 2, 2)),
        ("1+2x3", (1, 3, 5, 7)),
        ("1-2x3", (1, -1, -3, -5)),
        ("-2+4x3", (-2, 2, 6, 10)),
        ("1 _ _x2 4", (1, None, None, None, 4)),
        ("Inf -Inf", (float("inf"), float("-inf"))),
        ("0.5+0.25x2", (0.5, 0.75, 1)),
    ],
)
def test_values_are_written_short(text: str, values: tuple[float | None, ...]) -> None:
    """A repetition counts what follows the first."""
    assert parse_values(text) == values


def test_a_stale_marker_ends_a_series() -> None:
    """It is the one Prometheus writes, and no other NaN."""
    stale, other = parse_values("stale NaN")

    assert stale is not None
    assert is_stale(stale)
    assert other is not None
    assert not is_stale(other)


@pytest.mark.parametrize("text", ["1x", "x3", "1+x3", "a", "1 2,3", "__", "_x"])
def test_what_is_no_value_is_refused_with_what_can_be_written(text: str) -> None:
    """The notation is short, and easily forgotten."""
    with pytest.raises(IntertieError, match=r"is none; write 5, 1x3"):
        parse_values(text)


def test_no_text_makes_endless_samples() -> None:
    """A slip of the finger does not take all memory."""
    with pytest.raises(IntertieError, match="more than 1000000"):
        parse_values("1x9999999")


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (0.25, "0.25"), (1e-7, "0.0000001"), (1e21, "1000000000000000000000"),
     (math.inf, "+Inf"), (-math.inf, "-Inf"), (-2.5, "-2.5")],
)  # fmt: skip
def test_a_number_is_written_in_as_many_digits_as_it_needs(value: float, text: str) -> None:
    """Without an exponent, and back again."""
    assert number_text(value) == text
    assert float(number_text(value)) == value
