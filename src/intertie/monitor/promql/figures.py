"""Numbers as Prometheus writes them."""

import math
from decimal import Decimal

_SMALLEST_PLAIN = 1e-6
_SMALLEST_LONG = 1e21


def figure(value: float, *, plain: bool = False) -> str:
    """The shortest text that means just this number; `plain` never has an exponent.

    Source: `marshalFloat` of Prometheus' JSON; `plain` is what labels and templates get.
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    shortest = Decimal(repr(value))
    size = abs(value)
    if plain or size == 0 or _SMALLEST_PLAIN <= size < _SMALLEST_LONG:
        text = f"{shortest:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return repr(value)
