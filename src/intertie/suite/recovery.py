"""What is done for a service that its restart policy gave up on, or that stays unwell."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self, cast

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from intertie.suite.health_checks import HealthChecks
from intertie.suite.remediation import AlertRemediation
from intertie.suite.schedule import Backup, Maintenance, Task, Timing
from intertie.suite.values import Argv, Count, Flag, Model, Name, Period, at, one_or_more

BACKUP, DRILL, MAINTENANCE = "backup", "backup-drill", "maintenance"
"""Names of tasks that the suite file has tables of their own for."""
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

    health_checks: HealthChecks | None = None
    """Looks at the suite as a whole; none unless given."""
    remediation: Remediation = Remediation()
    """What is done about what it finds."""


class TaskAutomation(Model):
    """What is done at set times, under longer names."""

    backup_automation: Backup | None = None
    """See `automation.backup`."""
    maintenance_automation: Maintenance | None = None
    """See `automation.maintenance`."""


_SHORT = {"backup_automation": "backup", "maintenance_automation": "maintenance"}


def _in_short(said: dict[str, object]) -> dict[str, object]:
    """`task_automation` under the short names; as it is where something is wrong with it."""
    tasks = said.get("task_automation")
    if not isinstance(tasks, dict) or not tasks.keys() <= _SHORT.keys():
        return said
    told = {_SHORT[name]: table for name, table in cast("dict[str, object]", tasks).items()}
    for name in told:
        if said.get(name) is not None:
            raise at(name, "`task_automation` says it already")
    return {key: item for key, item in said.items() if key != "task_automation"} | told


def _has_checks_only(watched: object) -> bool:
    return isinstance(watched, dict) and watched.keys() == {"health_checks"}


class Automation(Model):
    """What is done without being asked for."""

    automatic_recovery: AutomaticRecovery | None = None
    """Steps that make an unwell service well again; none are taken unless this is given."""
    monitoring_automation: MonitoringAutomation | None = None
    """Another place for the same: `monitoring_automation.remediation.automatic_recovery`."""
    remediation: AlertRemediation | None = None
    """What is done when alerts fire; nothing unless given."""
    backup: Backup | None = None
    """What is backed up, and how it is proven that it can be restored; nothing unless given."""
    maintenance: Maintenance | None = None
    """Tidying up; none unless given."""
    task_automation: TaskAutomation | None = None
    """Another place for the same two: `backup_automation` and `maintenance_automation`."""
    tasks: dict[Name, Task] = {}
    """Commands of one's own, at set times."""

    @model_validator(mode="before")
    @classmethod
    def _in_one_place(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        said = cast("dict[str, object]", data)
        is_twice = {"automatic_recovery", "monitoring_automation"} <= said.keys()
        if is_twice and not _has_checks_only(said["monitoring_automation"]):
            raise at("automatic_recovery", "`monitoring_automation` says it already")
        return _in_short(said)

    @property
    def has_timings(self) -> bool:
        """Whether anything is done at set times."""
        return any(True for _ in self.timings())

    def timings(self) -> Iterator[tuple[str, Timing]]:
        """All that is done at set times, by name."""
        yield from self.tasks.items()
        if self.backup is not None:
            yield BACKUP, self.backup
            drill = {"schedule": self.backup.drill.schedule}
            yield DRILL, self.backup.model_copy(update=drill)
        if self.maintenance is not None:
            yield MAINTENANCE, self.maintenance

    @model_validator(mode="after")
    def _own_names_are_free(self) -> Self:
        for name in (BACKUP, DRILL, MAINTENANCE):
            if name in self.tasks:
                raise at("tasks", f"`{name}` is a task of its own; choose another name")
        return self

    @property
    def recovery(self) -> AutomaticRecovery | None:
        """Wherever it was said."""
        if self.automatic_recovery is not None or self.monitoring_automation is None:
            return self.automatic_recovery
        return self.monitoring_automation.remediation.automatic_recovery

    @property
    def health_checks(self) -> HealthChecks | None:
        """Looks at the suite as a whole."""
        watched = self.monitoring_automation
        return watched.health_checks if watched is not None else None
