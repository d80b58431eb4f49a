"""Tests of alert rules, in virtual time, as they stand beside the rules."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from intertie.suite.values import Duration, LabelTexts, Model, Period


class InputSeries(Model):
    """One series that is made up."""

    series: Annotated[str, Field(min_length=1, max_length=4000)]
    """As `up{job="a"}`."""
    values: Annotated[str, Field(max_length=100_000), BeforeValidator(str)]
    """One for each interval from 0: `0 1 2x3 _ stale 1+2x5`, as promtool reads them."""


class ExpectedAlert(Model):
    """An alert that fires."""

    labels: LabelTexts = Field(default_factory=dict)
    """All of its labels but its name, the severity included."""
    annotations: LabelTexts | None = None
    """All of its texts; None: whatever they are."""


class AlertExpectation(Model):
    """What fires at a time."""

    eval_time: Duration
    """Since the first sample."""
    alertname: Annotated[str, Field(min_length=1, max_length=200)]
    """Alerts of other names are not looked at."""
    exp_alerts: tuple[ExpectedAlert, ...] = ()
    """All that fire; none: none does."""


class RuleTest(Model):
    """Series over time, and the alerts expected of the suite's rules."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    """Shown when it fails."""
    interval: Period = 60.0
    """Between two samples, and between two looks at each rule."""
    input_series: tuple[InputSeries, ...] = ()
    """What is measured."""
    alert_rule_test: tuple[AlertExpectation, ...] = ()
    """What is to come of it."""
