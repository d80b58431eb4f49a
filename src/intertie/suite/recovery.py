"""What is done for a service that its restart policy gave up on, or that stays unwell."""

from typing import Annotated, Literal, Self, cast

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from intertie.suite.values import Argv, Count, Flag, Model, Name, Period, at, one_or_more

Rung = Literal["retry", "restart", "restart_dependency", "alert"]


class Script(Model):
    """A command that repairs; when it ends well, the service is started again."""

    script: Annotated[Argv, Field(min_length=1)]
    """Program and arguments, run in the suite file's folder with INTERTIE_SERVICE_NAME,
    INTERTIE_REASON and INTERTIE_ATTEMPT; what it prints goes into the service's
    log."""
    timeout: Period = 60.0
    """It is killed, and has failed, when it takes longer."""


def _kind(value: object) -> str:
    return "[map]" if isinstance(value, dict | Script) else "[word]"


# Told apart beforehand, so that a mistake is one fault and not one for each alternative.
Ladder = tuple[
    Annotated[
        Annotated[Rung, Tag("[word]")] | Annotated[Script, Tag("[map]")], Discriminator(_kind)
    ],
    ...,
]


class AutomaticRecovery(Model):
    """A ladder of steps, each tried only when the one before did not help."""

    enabled: Flag = True
    """Whether anything is done."""
    max_attempts: Count = 3
    """Steps for one service within `window`; one more is needed: `suite.recovery_alert`."""
    window: Period = 600.0
    """Steps longer ago than this are forgotten."""
    services: Annotated[
        tuple[Name, ...] | None,
        BeforeValidator(one_or_more, json_schema_input_type=str | list[str] | None),
    ] = None
    """Those that are recovered; all of them when this is not given."""
    cooldown: Period = 5.0
    """Between the first step and the second; it doubles from step to step."""
    grace: Period = 10.0
    """A health check must have been DOWN for so long before anything is done."""
    stable_for: Period = 10.0
    """A service that was well for so long has recovered."""
    steps: Annotated[Ladder, Field(min_length=1)] = (
        "retry",
        "restart",
        "restart_dependency",
        "alert",
    )
    """`retry` starts it again, or gives its health check `grace` once more; `restart` restarts it;
    `restart_dependency` restarts the deepest dependency that is not well, then the service, and is
    passed over when all are; a map with `script` runs that; `alert` tells it and gives up, which
    is also what follows when `max_attempts` are used up. Without `alert` the last step is
    repeated."""

    @model_validator(mode="after")
    def _alert_is_last(self) -> Self:
        if "alert" in self.steps[:-1]:
            raise at("steps", "`alert` gives up: nothing can come after it")
        return self

    def covers(self, service: str) -> bool:
        """Whether this service is recovered."""
        return self.enabled and (self.services is None or service in self.services)


class Remediation(Model):
    """What is done about what monitoring finds."""

    automatic_recovery: AutomaticRecovery | None = None
    """See `automation.automatic_recovery`."""


class MonitoringAutomation(Model):
    """What monitoring starts by itself."""

    remediation: Remediation = Remediation()
    """What is done about what it finds."""


class Automation(Model):
    """What is done without being asked for."""

    automatic_recovery: AutomaticRecovery | None = None
    """Steps that make an unwell service well again; none are taken unless this is given."""
    monitoring_automation: MonitoringAutomation | None = None
    """Another place for the same: `monitoring_automation.remediation.automatic_recovery`."""

    @model_validator(mode="before")
    @classmethod
    def _in_one_place(cls, data: object) -> object:
        if isinstance(data, dict):
            keys = cast("dict[str, object]", data).keys()
            if {"automatic_recovery", "monitoring_automation"} <= keys:
                raise at("automatic_recovery", "`monitoring_automation` says it already")
        return data

    @property
    def recovery(self) -> AutomaticRecovery | None:
        """Wherever it was said."""
        if self.monitoring_automation is not None:
            return self.monitoring_automation.remediation.automatic_recovery
        return self.automatic_recovery
