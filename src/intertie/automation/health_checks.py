"""The suite as a whole: looked at every few minutes, told when something changes.

Judging is pure; readings are brought by a callable, and what changed is taken by another.
"""

import logging
import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from anyio import TASK_STATUS_IGNORED, fail_after
from anyio.abc import TaskStatus
from pydantic import BaseModel, ConfigDict

from intertie.automation.clock import Clock
from intertie.errors import IntertieError
from intertie.runtime.component import Health, Status
from intertie.suite.health_checks import HealthCheck, Thresholds
from intertie.suite.health_checks import HealthChecks as Config

log = logging.getLogger(__name__)

Measure = Literal[
    "service_status",
    "cpu_usage",
    "memory_usage",
    "disk_usage",
    "error_rate",
    "response_time_p95",
]
Readings = Mapping[Measure, Mapping[str, float]]
"""By measure, of what it is (a service, a disk, `machine`): `service_status` is 1 for well and 0
for not, `response_time_p95` seconds, all else percent. Without a value it was not measured."""

READINGS_S = 30.0
"""Readings that take longer have failed."""
TELL_S = 30.0
_WELL = 1.0
_EMPTY: Mapping[str, float] = {}
_USAGE: tuple[Measure, ...] = ("cpu_usage", "memory_usage", "disk_usage")


class Finding(BaseModel):
    """One value against its threshold."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    check: HealthCheck
    measure: Measure
    what: str
    """A service, a disk, or `machine`."""
    value: float
    """In the unit of the measure."""
    threshold: float
    """In the same unit; of `service_status` the least, of all else the most that is well."""
    well: bool

    @property
    def key(self) -> "Key":
        """What it is about, look after look."""
        return self.measure, self.what


Key = tuple[Measure, str]


class HealthReport(BaseModel):
    """What the newest look found."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    at: datetime
    findings: tuple[Finding, ...] = ()
    unmeasured: tuple[Measure, ...] = ()
    """Wanted by a check, and without a value: neither well nor unwell."""
    trouble: str = ""
    """Why nothing could be looked at."""

    @property
    def well(self) -> bool:
        """Whether nothing that was measured is unwell."""
        return not self.trouble and all(each.well for each in self.findings)


def service_status(readings: Readings, limits: Thresholds) -> Iterator[Finding]:
    """Each service is well."""
    del limits
    for what, value in _measured(readings, "service_status"):
        yield Finding(
            check="service_status",
            measure="service_status",
            what=what,
            value=value,
            threshold=_WELL,
            well=value >= _WELL,
        )


def resource_usage(readings: Readings, limits: Thresholds) -> Iterator[Finding]:
    """Processors, memory and disks have room."""
    most = (limits.cpu_usage, limits.memory_usage, limits.disk_usage)
    for measure, threshold in zip(_USAGE, most, strict=True):
        yield from _at_most(readings, "resource_usage", measure, threshold)


def error_rates(readings: Readings, limits: Thresholds) -> Iterator[Finding]:
    """Few requests of each service fail."""
    return _at_most(readings, "error_rates", "error_rate", limits.error_rate)


def response_times(readings: Readings, limits: Thresholds) -> Iterator[Finding]:
    """Nineteen of twenty requests of each service are answered in time."""
    return _at_most(readings, "response_times", "response_time_p95", limits.response_time_p95)


CHECKS: Mapping[HealthCheck, Callable[[Readings, Thresholds], Iterator[Finding]]] = {
    "service_status": service_status,
    "resource_usage": resource_usage,
    "error_rates": error_rates,
    "response_times": response_times,
}
MEASURES: Mapping[HealthCheck, tuple[Measure, ...]] = {
    "service_status": ("service_status",),
    "resource_usage": _USAGE,
    "error_rates": ("error_rate",),
    "response_times": ("response_time_p95",),
}
"""What each check needs."""


def judge(config: Config, readings: Readings, at: datetime) -> HealthReport:
    """What the checks find in the readings, in their order."""
    found = [one for name in config.checks for one in CHECKS[name](readings, config.thresholds)]
    wanted: list[Measure] = [each for name in config.checks for each in MEASURES[name]]
    missing: list[Measure] = [each for each in wanted if not _measured(readings, each)]
    return HealthReport(at=at, findings=tuple(found), unmeasured=tuple(missing))


def changes(known: Mapping[Key, bool], findings: Sequence[Finding]) -> Sequence[Finding]:
    """What is worth a word: no longer well, or well again. New and well is not."""
    return [each for each in findings if known.get(each.key, True) != each.well]


def learned(known: Mapping[Key, bool], report: HealthReport) -> Mapping[Key, bool]:
    """What is known after a look.

    What a measure no longer names is gone; a measure that gives nothing at all leaves what was
    known of it.
    """
    kept = {key: well for key, well in known.items() if key[0] in report.unmeasured}
    return kept | {each.key: each.well for each in report.findings}


def told(finding: Finding) -> str:
    """For a person, as one line."""
    name = finding.measure.replace("_", " ")
    match finding.measure:
        case "service_status":
            return f"{finding.what} is {'well' if finding.well else 'not well'}"
        case "response_time_p95":
            value, most = (f"{s * 1000:g} ms" for s in (finding.value, finding.threshold))
        case _:
            value, most = (f"{percent:.4g} %" for percent in (finding.value, finding.threshold))
    return f"{name} of {finding.what} is {value}, {'within' if finding.well else 'above'} {most}"


@dataclass(slots=True)
class HealthChecks:
    """A component that looks each interval and tells what changed since the last look."""

    config: Config
    readings: Callable[[], Awaitable[Readings]]
    """Raises IntertieError when nothing can be read."""
    tell: Callable[[Sequence[Finding]], Awaitable[None]]
    """Never called with nothing. Raises IntertieError: then it is told again after the next look,
    if it is still so."""
    clock: Clock
    report: HealthReport | None = None
    """Of the newest look; None before the first."""
    _known: Mapping[Key, bool] = field(default_factory=dict[Key, bool])

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """See Component."""
        task_status.started()
        while self.config.enabled:
            await self.look()
            await self.clock.sleep(self.config.interval)

    def health(self) -> Health:
        """Degraded while nothing can be read. What the checks find is no fault of theirs."""
        trouble = self.report.trouble if self.report else ""
        return Health(Status.DEGRADED, trouble) if trouble else Health(Status.UP)

    async def look(self) -> HealthReport:
        """Look now, and tell what changed."""
        self.report = report = await self._judged()
        if report.trouble:
            log.warning("health checks cannot look", extra={"why": report.trouble})
            return report
        known = self._known
        if changed := changes(known, report.findings):
            try:
                with fail_after(TELL_S):
                    await self.tell(changed)
            except (IntertieError, TimeoutError) as exc:
                why = str(exc) or f"it took longer than {TELL_S:g} s"
                log.warning("health checks cannot tell", extra={"why": why})
                return report
        self._known = learned(known, report)
        return report

    async def _judged(self) -> HealthReport:
        at = self.clock.now()
        try:
            with fail_after(READINGS_S):
                readings = await self.readings()
        except IntertieError as exc:
            return HealthReport(at=at, trouble=str(exc))
        except TimeoutError:
            why = f"cannot read what is to be checked: it took longer than {READINGS_S:g} s"
            return HealthReport(at=at, trouble=why)
        return judge(self.config, readings, at)


def _at_most(
    readings: Readings, check: HealthCheck, measure: Measure, threshold: float
) -> Iterator[Finding]:
    for what, value in _measured(readings, measure):
        yield Finding(
            check=check,
            measure=measure,
            what=what,
            value=value,
            threshold=threshold,
            well=value <= threshold,
        )


def _measured(readings: Readings, measure: Measure) -> Sequence[tuple[str, float]]:
    """In order of names. NaN is no value: a service without requests has no error rate."""
    found = readings.get(measure, _EMPTY)
    return sorted((what, value) for what, value in found.items() if not math.isnan(value))
