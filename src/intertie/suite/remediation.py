"""What is done when an alert fires: by which rule, how often, and how much of the suite at once."""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from intertie.suite.schedule import Names
from intertie.suite.values import (
    Argv,
    Count,
    LabelName,
    Model,
    Name,
    Percent,
    Period,
    Regex,
    SmallCount,
    Words,
    at,
)

Mode = Literal["shadow", "approve", "automatic"]
Verb = Literal["restart", "start", "stop"]
LABEL = "service"
"""Of an alert: which service an action is for."""


class ScaleOut(Model):
    """More replicas, until the next `apply`."""

    by: SmallCount = 1
    """So many more each time."""
    most: SmallCount = 4
    """Never more than that."""


class Deed(Model):
    """What is done, where it is more than a word: one of these."""

    task: Name | None = None
    """A task of `automation.tasks`, run to its end; it has to go well."""
    command: Annotated[Argv | None, Field(min_length=1)] = None
    """Program and arguments, run in the suite file's folder with INTERTIE_SERVICE_NAME,
    INTERTIE_ALERT, INTERTIE_REASON and INTERTIE_ATTEMPT."""
    scale: ScaleOut | None = None
    """More replicas of the service."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if sum(each is not None for each in (self.task, self.command, self.scale)) != 1:
            raise at("task", "expected one of `task`, `command` and `scale`")
        return self


def _kind(value: object) -> str:
    return "[map]" if isinstance(value, dict | Deed) else "[word]"


# Told apart beforehand, so that a mistake is one fault and not one for each alternative.
Action = Annotated[
    Annotated[Verb, Tag("[word]")] | Annotated[Deed, Tag("[map]")], Discriminator(_kind)
]


class RemediationRule(Model):
    """Which alerts are answered by which action."""

    alerts: Words = ()
    """Names of alert rules; all of them when this is not given."""
    severity: Words = ()
    """Severities, as `critical`; each of them when this is not given."""
    labels: dict[LabelName, Regex] = {}
    """Labels that an alert has to have, each as a regular expression for the whole value."""
    action: Action
    """`restart`, `start`, `stop`, or a map: `{task: NAME}`, `{command: …}`,
    `{scale: {by: 1, most: 4}}`."""
    service: Name | None = None
    """Which it is done to; that of the alert's label `service` when this is not given."""
    mode: Mode | None = None
    """In place of `remediation.mode`."""
    timeout: Period = 300.0
    """An action that takes longer has failed."""
    wait: Period = 120.0
    """So long after an action the alert has to be over, with the service UP, or it did not help."""
    cooldown: Period = 60.0
    """Between the end of one action on a service and the next."""
    max_attempts: Count = 3
    """Actions on one service while its alert goes on; after them it is given up, and told."""

    @model_validator(mode="after")
    def _chooses(self) -> Self:
        if not (self.alerts or self.severity or self.labels):
            raise at("alerts", "a rule for all alerts: give `alerts`, `severity` or `labels`")
        return self

    def fits(self, alert: str, severity: str, labels: Mapping[str, str]) -> bool:
        """Whether it answers such an alert."""
        return (
            (not self.alerts or alert in self.alerts)
            and (not self.severity or severity in self.severity)
            and all(re.fullmatch(p, labels.get(n, "")) for n, p in self.labels.items())
        )

    @property
    def told(self) -> str:
        """The action, for a person, without what it is done to."""
        if not isinstance(self.action, Deed):
            return self.action
        if self.action.task is not None:
            return f"task {self.action.task}"
        if self.action.command is not None:
            return f"command {self.action.command[0]}"
        return f"scale +{self.action.scale.by if self.action.scale else 1}"

    @property
    def needs_service(self) -> bool:
        """Whether it is done to a service; a task and a command need none."""
        return not isinstance(self.action, Deed) or self.action.scale is not None


class Budget(Model):
    """How much may be done; what would be more is refused, and told."""

    per_service: Count = 3
    """Actions on one service within `window`."""
    window: Period = 3600.0
    """Actions longer ago than this are forgotten."""
    blast_radius: Annotated[Percent, Field(le=100)] = 34.0
    """Of all instances of the suite's services, those that may be acted on at once; one always
    may. A restart takes one replica of a service at a time, a stop and a command take all."""


class AlertRemediation(Model):
    """What is done when alerts fire."""

    mode: Mode = "shadow"
    """`shadow` does nothing, and writes down what would have been done and whether the alert went
    by itself; `approve` asks first (`intertie remediation approve`); `automatic` acts."""
    approval: Period = 900.0
    """A proposal that nobody approves within this time has expired."""
    budget: Budget = Budget()
    """How much may be done."""
    notify: Names = ()
    """Channels of `monitoring.channels` that are told of proposals and of what was given up; those
    of `alert_integration` when this is not given."""
    rules: Annotated[dict[Name, RemediationRule], Field(min_length=1)]
    """The first that fits an alert answers it."""

    def mode_of(self, rule: str) -> Mode:
        """Of a rule by name."""
        found = self.rules.get(rule)
        return (found.mode if found is not None else None) or self.mode

    def rule_for(self, alert: str, severity: str, labels: Mapping[str, str]) -> str | None:
        """Name of the rule that answers such an alert."""
        fit = (name for name, rule in self.rules.items() if rule.fits(alert, severity, labels))
        return next(fit, None)


def missing(
    config: AlertRemediation,
    services: Collection[str],
    tasks: Collection[str],
    channels: Collection[str],
) -> Iterator[str]:
    """What it names and the suite does not have, in words."""
    for name, rule in config.rules.items():
        if rule.service is not None and rule.service not in services:
            yield f"rule `{name}` names {rule.service!r}, which is no service"
        task = rule.action.task if isinstance(rule.action, Deed) else None
        if task is not None and task not in tasks:
            yield f"rule `{name}` names {task!r}, which is no task"
    for channel in config.notify:
        if channel not in channels:
            yield f"it tells {channel!r}, which `monitoring.channels` does not have"
