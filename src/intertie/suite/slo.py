"""What is promised: objectives, over which time, and how fast their budgets may burn."""

import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from intertie.suite.values import Model, Name, Period, at, one_or_more

Indicator = Literal["availability", "latency", "uptime"]

_OBJECTIVE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%?")
_YEAR_S = 365 * 86400.0
_LONGEST_BURN_S = 3 * 86400.0
_DIGITS = 12
"""Of a share: 100 - 99.9 is not quite 0.1."""


def _percent(value: object) -> object:
    found = _OBJECTIVE.fullmatch(value.strip()) if isinstance(value, str) else None
    return float(found[1]) if found else value


Objective = Annotated[
    float, Field(ge=1, le=100), BeforeValidator(_percent, json_schema_input_type=str | float)
]
Selector = Annotated[str, Field(min_length=1, max_length=2000)]


class Counters(Model):
    """Counters of any kind: one of all events, and one of those that were good, or bad."""

    total: Selector
    """All events: counters chosen as in PromQL, without a function: `orders_total{shop="a"}`."""
    good: Selector | None = None
    """Those that kept the promise."""
    bad: Selector | None = None
    """Or those that broke it."""

    @model_validator(mode="after")
    def _one_part(self) -> Self:
        if (self.good is None) == (self.bad is None):
            raise at("good", "expected either `good` or `bad`")
        return self


class BurnAlert(Model):
    """Alarming is a budget that burns too fast, for some time and still now."""

    long: Annotated[Period, Field(ge=60, le=_LONGEST_BURN_S)]
    """Over so long."""
    short: Annotated[Period, Field(ge=10, le=_LONGEST_BURN_S)]
    """And over so long: it ends soon after it is well again."""
    factor: Annotated[float, Field(gt=0, le=10_000)]
    """How many times as fast as lasts just for the window of the objective."""
    severity: Literal["critical", "warning"] = "warning"
    """How bad that is."""

    @model_validator(mode="after")
    def _short_is_shorter(self) -> Self:
        if self.short >= self.long:
            raise at("short", "expected less than `long`")
        return self


DEFAULT_BURN_ALERTS = (
    BurnAlert(long=3600.0, short=300.0, factor=14.4, severity="critical"),
    BurnAlert(long=6 * 3600.0, short=1800.0, factor=6.0, severity="warning"),
)
"""A fiftieth of a budget for 30 days within an hour, a twentieth within six."""


class Slo(Model):
    """An objective, and of what."""

    service: Name | None = None
    """Requests that the gateway passes on to a service; for `uptime` the service itself."""
    route: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """All requests that a route of the gateway takes, also those it answers or refuses itself: the
    route's name as `intertie routes` has it, mostly its path."""
    integration: Name | None = None
    """Calls of an integration, by all tenants unless `tenant` names one."""
    tenant: Name | None = None
    """Calls of all integrations by a tenant, unless `integration` names one."""
    expr: Counters | None = None
    """Or counters of any kind."""
    objective: Objective
    """Which share is to be good: `99.9%`. `100%` leaves no budget at all."""
    window: Annotated[Period, Field(ge=3600, le=_YEAR_S)] = 30 * 86400.0
    """The time that the budget is for; it ends now."""
    indicator: Indicator = "availability"
    """What is good: an answer without a fault of the server (or of the vendor), one within
    `threshold`, or the time in which a service is up."""
    threshold: Period | None = None
    """For `latency`: as long as an answer may take."""
    exclude: Annotated[
        tuple[Name, ...], BeforeValidator(one_or_more, json_schema_input_type=str | list[str])
    ] = ()
    """Windows of `alerts.mute` that do not count, whatever happens in them: maintenance."""
    burn_alerts: Annotated[tuple[BurnAlert, ...], Field(max_length=8)] = DEFAULT_BURN_ALERTS
    """When it is alarming."""

    @property
    def budget_share(self) -> float:
        """Of all events, how many may be bad: from 0 to 1."""
        return round((100 - self.objective) / 100, _DIGITS)

    @property
    def reachable(self) -> tuple[BurnAlert, ...]:
        """Those that can fire: where a tenth may be bad, none burns 14.4 times as fast."""
        return tuple(each for each in self.burn_alerts if each.factor * self.budget_share < 1)

    @model_validator(mode="after")
    def _of_one_thing(self) -> Self:
        calls = self.integration is not None or self.tenant is not None
        others = (self.service, self.route, self.expr)
        if calls + sum(each is not None for each in others) != 1:
            raise at(
                "service",
                "expected one of `service`, `route`, `expr`, and `integration` with `tenant`",
            )
        return self

    @model_validator(mode="after")
    def _indicator_fits(self) -> Self:
        if (self.indicator == "latency") != (self.threshold is not None):
            raise at("threshold", "expected with `indicator: latency`, and only there")
        if self.indicator == "uptime" and self.service is None:
            raise at("indicator", "only a service is up")
        if self.indicator == "latency" and self.expr is not None:
            raise at("indicator", "counters are just good or bad; leave it out")
        return self

    @model_validator(mode="after")
    def _own_alerts_can_fire(self) -> Self:
        lost = [each for each in self.burn_alerts if each not in self.reachable]
        if lost and "burn_alerts" in self.model_fields_set:
            most = 1 / self.budget_share
            raise at(
                "burn_alerts",
                f"a budget of {100 - self.objective:g}% cannot burn {lost[0].factor:g} times as"
                f" fast: when all is bad it burns {most:g} times",
            )
        return self
