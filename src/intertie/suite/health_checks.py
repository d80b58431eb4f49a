"""What is looked at every few minutes, and from where on it is not well."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from intertie.suite.schedule import Notifications
from intertie.suite.values import Flag, Model, Percent, Period

_NUMBER = re.compile(r"[0-9.]+")
HealthCheck = Literal["service_status", "resource_usage", "error_rates", "response_times"]


def _with_its_unit(value: object) -> object:
    """A plain number is refused: elsewhere it is seconds, and here most would mean ms."""
    if isinstance(value, int | float) or (
        isinstance(value, str) and _NUMBER.fullmatch(value.strip())
    ):
        raise ValueError("expected a duration with its unit, such as 1000ms or 2s")
    return value


class Thresholds(Model):
    """What is above is not well."""

    cpu_usage: Annotated[Percent, Field(le=100)] = 80.0
    """Of all processors of the machine."""
    memory_usage: Annotated[Percent, Field(le=100)] = 85.0
    """Of the machine."""
    disk_usage: Annotated[Percent, Field(le=100)] = 90.0
    """Of each disk that the suite is on."""
    error_rate: Annotated[Percent, Field(le=100)] = 5.0
    """Of a service's requests, those that failed."""
    response_time_p95: Annotated[Period, BeforeValidator(_with_its_unit)] = 1.0
    """Nineteen of twenty requests of a service are answered faster: `1000ms`."""


class HealthChecks(Model):
    """Looks at the suite as a whole, beside the alerts."""

    enabled: Flag = True
    """Whether it is looked at."""
    interval: Annotated[Period, Field(ge=1)] = 300.0
    """Between two looks, from 1s."""
    checks: Annotated[tuple[HealthCheck, ...], Field(min_length=1)] = (
        "service_status",
        "resource_usage",
        "error_rates",
        "response_times",
    )
    """What is looked at."""
    thresholds: Thresholds = Thresholds()
    """From where on it is not well."""
    notifications: Notifications = Notifications()
    """Who is told: `failure` when something is no longer well, `success` when it is again."""
