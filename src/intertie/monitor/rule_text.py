"""Texts of alerts: a small part of Prometheus' templates, filled in to the same letters.

`{{ $value }}`, `{{ printf "%.2f" $value }}`, `{{ $labels.name }}` and `{{ $labels }}`.
"""

import math
import re
from collections.abc import Mapping
from decimal import Decimal

from intertie.errors import IntertieError

_HOLE = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_VERB = r"%(?:(?:\.[0-9]{1,2})?[ef]|\.[0-9]{1,2}g)"
_PRINTF = re.compile(rf'printf\s+"((?:[^"\\%]|%%)*{_VERB}(?:[^"\\%]|%%)*)"\s+\$value')
_PERCENT = re.compile(rf"%%|{_VERB}")
_LABEL = re.compile(r"\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)")
_FIRST_LARGE_EXPONENT = 6
_LAST_SMALL_EXPONENT = -4


def check(text: str) -> None:
    """Raise IntertieError for a hole that cannot be filled in, or one left open."""
    for hole in _HOLE.finditer(text):
        inside = hole[1]
        if inside in {"$value", "$labels"} or _LABEL.fullmatch(inside) or _PRINTF.fullmatch(inside):
            continue
        raise IntertieError(
            f"cannot read text {text!r}: `{hole[0]}` is not known; "
            'write {{ $value }}, {{ printf "%.2f" $value }}, {{ $labels.name }} or {{ $labels }}'
        )
    if "{{" in _HOLE.sub("", text):
        raise IntertieError(f"cannot read text {text!r}: a `{{{{` has no `}}}}` after it")


def fill(text: str, labels: Mapping[str, str], value: float) -> str:
    """The text of one alert; a label it does not have is an empty text. `text` is checked."""

    def found(hole: re.Match[str]) -> str:
        if hole[1] == "$value":
            return number(value)
        if printed := _PRINTF.fullmatch(hole[1]):
            return _printed(printed[1], value)
        label = _LABEL.fullmatch(hole[1])
        return labels.get(label[1], "") if label else _all(labels)

    return _HOLE.sub(found, text)


def number(value: float) -> str:
    """A value as Prometheus writes it into texts: 0.05, 1e+06, +Inf."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    decimal = Decimal(repr(value)).normalize()
    exponent = decimal.adjusted()
    if _LAST_SMALL_EXPONENT <= exponent < _FIRST_LARGE_EXPONENT:
        return format(decimal, "f")
    return f"{decimal.scaleb(-exponent):f}e{exponent:+03d}"


def _printed(form: str, value: float) -> str:
    def told(verb: re.Match[str]) -> str:
        if verb[0] == "%%":
            return "%"
        return verb[0] % value if math.isfinite(value) else number(value)

    return _PERCENT.sub(told, form)


def _all(labels: Mapping[str, str]) -> str:
    return f"map[{' '.join(f'{name}:{labels[name]}' for name in sorted(labels))}]"
