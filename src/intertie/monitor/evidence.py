"""Why an alert fired: the samples, what was made of them, and how its rule then stood."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measured:
    """The newest sample of a series that was read."""

    series: str
    at_ms: int
    value: str
    """A text: it may be no number."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Of one alert, at the look that made it fire. Times are milliseconds since 1970."""

    fingerprint: str
    """Of the alert."""
    rule: str
    expr: str
    """PromQL, as it was looked at."""
    for_ms: int
    at_ms: int
    value: str
    """Of the expression."""
    active_at_ms: int
    """Since when it held."""
    samples: tuple[Measured, ...]
    """The first twenty series that were read, those of the alert's labels before others."""
