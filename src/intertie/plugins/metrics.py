"""What `on_metrics_collect` returns, as samples that Prometheus accepts."""

import logging
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

log = logging.getLogger(__name__)

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_MOST_TEXT = 256
_MOST_TOLD = 1_000


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of an exposition. Its labels are `plugin` and, for text, `value`."""

    name: str
    value: float
    labels: Mapping[str, str]


def samples(
    plugin: str, returned: Mapping[object, object], given: Mapping[str, object]
) -> tuple[list[Sample], list[str]]:
    """The samples a plugin added to those it was `given`, and what was refused, and why.

    A number is a metric. Text is the label `value` of a metric `<name>_info` that is always 1.
    """
    found: list[Sample] = []
    refused: list[str] = []
    for name, value in returned.items():
        if isinstance(name, str) and name in given:
            if given[name] != value:
                refused.append(f"{name}: the suite's own metrics cannot be changed")
            continue
        try:
            found.append(_sample(plugin, name, value))
        except ValueError as exc:
            refused.append(f"{str(name)[:80]}: {exc}")
    return found, refused


def _sample(plugin: str, name: object, value: object) -> Sample:
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.startswith("__"):
        raise ValueError("no metric name; expected letters, digits, _ and :, no digit first")
    if isinstance(value, int | float):
        return Sample(name, _finite(value), {"plugin": plugin})
    if isinstance(value, str) and len(value) <= _MOST_TEXT:
        named = name if name.endswith("_info") else f"{name}_info"
        return Sample(named, 1.0, {"plugin": plugin, "value": value})
    raise ValueError(f"expected a number or at most {_MOST_TEXT} characters of text")


def _finite(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


class Refusals:
    """Tells of refused metrics, of each once: metrics are collected again and again."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def tell(self, plugin: str, refused: Iterable[str]) -> None:
        """Log those that were not told before."""
        for each in refused:
            if (plugin, each) not in self._told and len(self._told) < _MOST_TOLD:
                self._told.add((plugin, each))
                log.warning("metric refused: %s: %s", plugin, each, extra={"plugin": plugin})
