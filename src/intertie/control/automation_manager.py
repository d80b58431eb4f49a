"""AutomationManager: backups, maintenance, checks and recovery as one table, applied and proven."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, cast

from pydantic import ValidationError

from intertie.automation.cron import occurrences
from intertie.automation.maintenance.places import parts
from intertie.errors import IntertieError
from intertie.runtime.folder import STATE_FOLDER
from intertie.suite.model import Suite
from intertie.suite.recovery import Automation

Table = Mapping[str, object]

_TASKS, _WATCH = "task_automation", "monitoring_automation"
_SHORT = {"backup_automation": "backup", "maintenance_automation": "maintenance"}
_RECOVERY = "automatic_recovery"


class RunningSuite(Protocol):
    """A suite whose file can be changed: `SuiteOrchestrator`."""

    @property
    def suite(self) -> Suite:
        """As it runs now."""
        ...

    async def change_suite(self, change: Callable[[Suite], Suite]) -> None:
        """Bring it to what `change` makes of its file, and keep to that. Raises IntertieError."""
        ...


@dataclass(frozen=True, slots=True)
class AutomationReport:
    """What will happen by itself."""

    next_runs: Mapping[str, datetime]
    """Of each task that is enabled, in UTC."""
    checks_every_s: float | None
    """None: no health checks."""
    recovered: tuple[str, ...] = ()
    """Services that are made well again."""
    faults: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all of it can happen."""
        return not self.faults


class AutomationManager:
    """Of one running suite: `AutomationManager(orchestrator)`.

    Subclass it and call `setup_automation_tasks` and `validate_automation`, or call them from
    outside.
    """

    def __init__(self, suite: RunningSuite) -> None:
        self._suite = suite

    async def setup_automation_tasks(self, automation_config: Table) -> None:
        """Put it in force.

        `task_automation` has `backup_automation` and `maintenance_automation`, with the keys of
        the suite's `automation.backup` and `automation.maintenance`; `monitoring_automation` has
        `health_checks` and `remediation.automatic_recovery`. What the suite file says beside them
        stays. Raises IntertieError with every fault, and nothing is changed then.
        """
        candidate = merged(self._suite.suite, automation_config)
        _foreseen_well(candidate)
        update = {"automation": candidate.automation}
        await self._suite.change_suite(lambda suite: suite.model_copy(update=update))

    async def validate_automation(self) -> AutomationReport:
        """Whether all that is to happen by itself can, and when it does next.

        Raises IntertieError naming all that cannot.
        """
        return _foreseen_well(self._suite.suite)


def merged(suite: Suite, automation_config: Table) -> Suite:
    """The suite with the configuration in it. Raises IntertieError with every fault."""
    wanted = in_short(automation_config)
    base = suite.automation.model_dump(exclude_unset=True, by_alias=True)
    if _WATCH in wanted and (recovery := base.pop(_RECOVERY, None)) is not None:
        base[_WATCH] = {**_table(base.get(_WATCH)), "remediation": {_RECOVERY: recovery}}
    try:
        automation = Automation.model_validate(_joined(base, wanted))
        return _checked(suite, automation)
    except ValidationError as exc:
        told = exc.errors(include_url=False, include_input=False)
        faults = [": ".join(filter(None, (_place(each["loc"]), each["msg"]))) for each in told]
        raise IntertieError("cannot use this configuration: " + "; ".join(faults)) from exc


def in_short(automation_config: Table) -> Table:
    """The same with the suite file's keys: `task_automation` is spelled out there.

    Raises IntertieError for a key that it does not have.
    """
    _expect(automation_config, (_TASKS, _WATCH), "")
    tasks = automation_config.get(_TASKS, {})
    if not isinstance(tasks, Mapping):
        raise IntertieError(f"cannot use this configuration: expected a table at {_TASKS!r}")
    tasks = cast("Table", tasks)
    _expect(tasks, tuple(_SHORT), f"{_TASKS}.")
    found = {_SHORT[name]: table for name, table in tasks.items()}
    if _WATCH in automation_config:
        found[_WATCH] = automation_config[_WATCH]
    return found


def foreseen(suite: Suite, now: datetime) -> AutomationReport:
    """What will happen by itself after `now`, and what of it cannot."""
    automation = suite.automation
    next_runs: dict[str, datetime] = {}
    faults: list[str] = []
    for name, timing in automation.timings():
        try:
            if timing.enabled:
                next_runs[name] = next(occurrences(timing, now, count=1))
        except IntertieError as exc:
            faults.append(f"{name}: {exc}")
    for path in automation.maintenance.temp_paths if automation.maintenance else ():
        try:
            parts(path, state=STATE_FOLDER)
        except IntertieError as exc:
            faults.append(f"maintenance: {exc}")
    checks = automation.health_checks
    return AutomationReport(
        next_runs=next_runs,
        checks_every_s=checks.interval if checks is not None and checks.enabled else None,
        recovered=tuple(_recovered(suite)),
        faults=tuple(faults),
    )


def _foreseen_well(suite: Suite) -> AutomationReport:
    report = foreseen(suite, datetime.now(UTC))
    if not report.ok:
        raise IntertieError("cannot automate all of it: " + "; ".join(report.faults))
    return report


def _recovered(suite: Suite) -> Iterator[str]:
    recovery = suite.automation.recovery
    return (name for name in suite.services if recovery is not None and recovery.covers(name))


def _checked(suite: Suite, automation: Automation) -> Suite:
    """The suite with it, held against its services and channels. Raises ValidationError."""
    said = {
        field.alias or name: getattr(suite, name)
        for name, field in Suite.model_fields.items()
        if name in suite.model_fields_set
    }
    return Suite.model_validate({**said, "automation": automation})


def _expect(table: Table, known: tuple[str, ...], where: str) -> None:
    unknown = sorted(table.keys() - set(known))
    if unknown:
        expected = " and ".join(known)
        raise IntertieError(
            f"cannot use this configuration: unknown key {where + unknown[0]!r};"
            f" expected {expected}"
        )


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(map(str, loc))


def _joined(base: Table, over: Table) -> dict[str, object]:
    """Tables key by key; of all else, `over`."""
    made = dict(base)
    for key, value in over.items():
        before = made.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        made[key] = _joined(_table(before), _table(value)) if both else value
    return made


def _table(value: object) -> Table:
    return cast("Table", value) if isinstance(value, Mapping) else {}
