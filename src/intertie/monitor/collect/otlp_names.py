"""Names of OpenTelemetry as Prometheus writes them.

Source: OpenTelemetry specification, compatibility/prometheus_and_openmetrics.md, and the
normalisation of Prometheus' own OTLP receiver.
"""

import re
from typing import Literal

Kind = Literal["counter", "gauge", "other"]

_UNITS = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds",
    "us": "microseconds", "ns": "nanoseconds",
    "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes",
    "TiBy": "tibibytes", "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams",
    "Cel": "celsius", "Hz": "hertz", "1": "", "%": "percent",
}  # fmt: skip
_PER = {
    "s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"
}  # fmt: skip
_RESERVED = "__"


def metric_name(name: str, unit: str, kind: Kind) -> str:
    """With its unit and, of a counter, `_total` at the end.

    Raises ValueError where nothing is left of the name.
    """
    words = [word for word in re.split(r"[^a-zA-Z0-9:]+", name) if word]
    if not words:
        raise ValueError(f"{name!r:.100} is no name of a metric")
    main, _, per = unit.partition("/")
    words += _unit(main, words)
    if per and (of := _clean(_PER.get(per.strip(), per))) and of not in words:
        words += ["per", of]
    if kind == "counter":
        words = [*(word for word in words if word != "total"), "total"]
    elif kind == "gauge" and unit == "1":
        words = [*(word for word in words if word != "ratio"), "ratio"]
    made = "_".join(words)
    return f"_{made}" if made[0].isdigit() else made


def label_name(name: str) -> str:
    """Raises ValueError where nothing is left of it."""
    made = re.sub(r"[^a-zA-Z0-9_]", "_", name)
    if not made.strip("_"):
        raise ValueError(f"{name!r:.100} is no name of a label")
    if made[0].isdigit():
        return f"key_{made}"
    return f"key{made}" if made.startswith(_RESERVED) else made


def _unit(text: str, words: list[str]) -> list[str]:
    made = _clean(_UNITS.get(text.strip(), text))
    return [made] if made and made not in words else []


def _clean(text: str) -> str:
    """Without what is only said about it: `{request}` is no unit."""
    if "{" in text:
        return ""
    return "_".join(word for word in re.split(r"[^a-zA-Z0-9]+", text) if word)
