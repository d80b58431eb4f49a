import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intertie.monitor.promql.figures import figure


@pytest.mark.parametrize(
    ("value", "text", "plain"),
    [
        (1.0, "1", "1"),
        (-0.0, "-0", "-0"),
        (100.0, "100", "100"),
        (0.1, "0.1", "0.1"),
        (1e20, "100000000000000000000", "100000000000000000000"),
        (1e21, "1e+21", "1000000000000000000000"),
        (1.5e300, "1.5e+300", "15" + "0" * 299),
        (0.000001, "0.000001", "0.000001"),
        (1e-7, "1e-07", "0.0000001"),
        (1.25e-7, "1.25e-07", "0.000000125"),
        (5e-324, "5e-324", "0." + "0" * 323 + "5"),
        (math.nan, "NaN", "NaN"),
        (math.inf, "+Inf", "+Inf"),
        (-math.inf, "-Inf", "-Inf"),
    ],
)
def test_a_number_is_written_as_prometheus_does(value: float, text: str, plain: str) -> None:
    """In JSON with an exponent where it is very large or small, in labels never."""
    assert figure(value) == text
    assert figure(value, plain=True) == plain


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_back_as_it_was(value: float) -> None:
    """To the last bit."""
    assert float(figure(value)) == value
    assert float(figure(value, plain=True)) == value
