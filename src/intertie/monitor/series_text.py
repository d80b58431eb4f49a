"""Series as tests of rules write them: `up{job="a"}` with `0 1 2x3 _ stale 1+2x5`.

The notation is that of promtool, so that its files can be used as they are.
"""

import math
import re
from collections.abc import Iterator
from decimal import Decimal

from intertie.errors import IntertieError
from intertie.monitor.sample import STALE, Series

MAX_SAMPLES = 1_000_000

_NUMBER = (
    r"[+-]?(?:[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?|[iI]nf|NaN)"
)
_REPEATED = re.compile(
    rf"(?P<first>{_NUMBER})(?P<step>[+-](?:[0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?|\.[0-9]+))?"
    r"x(?P<times>[0-9]{1,7})"
)
_MISSING = re.compile(r"_(?:x([0-9]{1,7}))?")
_SERIES = re.compile(r"\s*([a-zA-Z_:][\w:]*)?\s*(?:\{(.*)\})?\s*", re.DOTALL)
_LABEL = re.compile(r"""\s*([a-zA-Z_]\w*)\s*=\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\s*(,|$)""")
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "\\": "\\", '"': '"', "'": "'"}


def parse_series(text: str) -> Series:
    """The series that is written so. Raises IntertieError."""
    found = _SERIES.fullmatch(text)
    labels = dict(_labels(found[2] or "", text)) if found else {}
    name = (found[1] if found else None) or labels.pop("__name__", None)
    if not name:
        raise IntertieError(f'cannot read series `{text}`: expected a name, as in up{{job="a"}}')
    return Series.of(name, labels)


def parse_values(text: str) -> tuple[float | None, ...]:
    """One value for each interval; None where there is none. Raises IntertieError."""
    values: list[float | None] = []
    for word in text.split():
        times = re.search(r"x([0-9]+)$", word)
        if len(values) + int(times[1] if times else 1) > MAX_SAMPLES:
            raise IntertieError(f"cannot read values: there are more than {MAX_SAMPLES}")
        values += _values(word, text)
    return tuple(values)


def number_text(value: float) -> str:
    """In as many digits as are needed, without an exponent, as bounds of buckets are written."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return format(Decimal(repr(value)), "f").removesuffix(".0")


def _labels(inside: str, text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while inside[at:].strip():
        found = _LABEL.match(inside, at)
        if found is None:
            raise IntertieError(
                f'cannot read series `{text}`: expected label="value" at `{inside[at:].strip()}`'
            )
        yield found[1], _ESCAPED.sub(lambda each: _ESCAPES.get(each[1], each[0]), found[2][1:-1])
        at = found.end()


def _values(word: str, text: str) -> list[float | None]:
    if word == "stale":
        return [STALE]
    if missing := _MISSING.fullmatch(word):
        return [None] * int(missing[1] or 1)
    if re.fullmatch(_NUMBER, word):
        return [float(word)]
    if repeated := _REPEATED.fullmatch(word):
        first, step = float(repeated["first"]), float(repeated["step"] or 0)
        return _stepped(first, step, int(repeated["times"]))
    raise IntertieError(
        f"cannot read values `{text}`: `{word}` is none; "
        "write 5, 1x3 (four times), 1+2x3 (1 3 5 7), _ or _x3 (nothing), or stale"
    )


def _stepped(first: float, step: float, times: int) -> list[float | None]:
    # Added up one by one, as promtool does: the same rounding gives the same values.
    values: list[float | None] = [first]
    value = first
    for _ in range(times):
        value += step
        values.append(value)
    return values
