from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from anyio import create_task_group

from intertie.automation.health_checks import (
    CHECKS,
    MEASURES,
    Finding,
    HealthChecks,
    HealthReport,
    Measure,
    Readings,
    changes,
    judge,
    learned,
    told,
)
from intertie.errors import IntertieError
from intertie.runtime.component import Status
from intertie.suite.health_checks import HealthChecks as Config
from tests.automation.virtual import VirtualClock

pytestmark = pytest.mark.anyio

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
NAN = float("nan")


def unwell(config: Config, readings: Readings) -> list[tuple[str, str, float]]:
    """Check, of what, and value."""
    found = judge(config, readings, NOON).findings
    return [(each.check, each.what, each.value) for each in found if not each.well]


@pytest.mark.parametrize(
    ("measure", "most", "above"),
    [
        ("cpu_usage", 80.0, 80.1),
        ("memory_usage", 85.0, 85.1),
        ("disk_usage", 90.0, 90.1),
        ("error_rate", 5.0, 5.1),
        ("response_time_p95", 1.0, 1.001),
    ],
)
def test_at_its_threshold_it_is_well_and_above_it_is_not(
    measure: Measure, most: float, above: float
) -> None:
    """The guide's thresholds, each of its own measure."""
    report = judge(Config(), {measure: {"a": most, "b": above, "c": 0.0}}, NOON)

    assert [(each.what, each.well) for each in report.findings] == [
        ("a", True),
        ("b", False),
        ("c", True),
    ]
    assert {each.threshold for each in report.findings} == {most}
    assert not report.well


def test_a_service_that_is_not_well_is_found() -> None:
    """By its own status."""
    readings: Readings = {"service_status": {"web": 1.0, "media": 0.0}}

    assert unwell(Config(), readings) == [("service_status", "media", 0.0)]


def test_only_what_is_declared_is_checked() -> None:
    """Other readings are passed over."""
    config = Config.model_validate({"checks": ["error_rates"], "thresholds": {"error_rate": 1}})
    readings: Readings = {"error_rate": {"web": 2.0}, "cpu_usage": {"machine": 100.0}}

    assert unwell(config, readings) == [("error_rates", "web", 2.0)]


def test_each_check_of_the_suite_file_is_there() -> None:
    """With what it needs."""
    assert tuple(CHECKS) == tuple(MEASURES) == Config().checks


def test_what_is_not_measured_is_neither_well_nor_unwell() -> None:
    """It is named; NaN is no value."""
    report = judge(Config(), {"cpu_usage": {"machine": NAN}, "error_rate": {"web": 0.0}}, NOON)

    assert report.unmeasured == (
        "service_status",
        "cpu_usage",
        "memory_usage",
        "disk_usage",
        "response_time_p95",
    )
    assert [each.what for each in report.findings] == ["web"]


def usage(percent: float, what: str = "machine") -> HealthReport:
    """Of the processors."""
    return judge(Config.model_validate({"checks": ["resource_usage"]}), cpu(percent, what), NOON)


def cpu(percent: float, what: str = "machine") -> Readings:
    """Read so much."""
    return {"cpu_usage": {what: percent}}


def test_only_changes_are_told() -> None:
    """What is new and well is none; what is new and not well is one."""
    fine, bad = usage(10), usage(90)
    after_bad = learned({}, bad)

    assert changes({}, fine.findings) == []
    assert changes({}, bad.findings) == list(bad.findings)
    assert changes(after_bad, bad.findings) == []
    assert changes(after_bad, fine.findings) == list(fine.findings)
    assert changes(learned(after_bad, fine), fine.findings) == []


def test_a_measure_that_pauses_is_no_change() -> None:
    """What was known stays known; what is gone while its measure goes on is forgotten."""
    after_bad = learned({}, usage(90))
    paused = usage(NAN)

    assert learned(after_bad, paused) == after_bad
    assert learned(after_bad, usage(10, what="other")) == {("cpu_usage", "other"): True}


@pytest.mark.parametrize(
    ("measure", "value", "text"),
    [
        ("cpu_usage", 91.26, "cpu usage of web is 91.26 %, above 80 %"),
        ("cpu_usage", 10.0, "cpu usage of web is 10 %, within 80 %"),
        ("response_time_p95", 1.5, "response time p95 of web is 1500 ms, above 1000 ms"),
        ("service_status", 0.0, "web is not well"),
        ("service_status", 1.0, "web is well"),
    ],
)
def test_findings_are_told_in_one_line(measure: Measure, value: float, text: str) -> None:
    """With their units."""
    (found,) = judge(Config(), {measure: {"web": value}}, NOON).findings

    assert told(found) == text


def test_a_report_can_be_sent() -> None:
    """As JSON, and read again."""
    report = usage(90)

    assert HealthReport.model_validate_json(report.model_dump_json()) == report


class World:
    """What is read, and who is told."""

    def __init__(self) -> None:
        self.percent = 10.0
        self.fault = ""
        self.deaf = False
        self.told: list[tuple[str, bool]] = []
        self.clock = VirtualClock(NOON)

    async def readings(self) -> Readings:
        """As it is now."""
        if self.fault:
            raise IntertieError(self.fault)
        return cpu(self.percent)

    async def tell(self, findings: Sequence[Finding]) -> None:
        """Keep it."""
        if self.deaf:
            raise IntertieError("cannot tell")
        assert findings
        self.told += [(each.what, each.well) for each in findings]

    def checks(self, **keys: object) -> HealthChecks:
        """Of this world."""
        return HealthChecks(Config.model_validate(keys), self.readings, self.tell, self.clock)


async def test_it_looks_each_interval_and_tells_each_change_once() -> None:
    """Every five minutes, at once at the start."""
    world = World()
    checks = world.checks()
    async with create_task_group() as group:
        await group.start(checks.run)
        for percent, minutes in ((90.0, 5), (95.0, 5), (20.0, 5), (20.0, 60)):
            await world.clock.advance(timedelta())
            world.percent = percent
            await world.clock.advance(timedelta(minutes=minutes))
        group.cancel_scope.cancel()

    assert world.told == [("machine", False), ("machine", True)]
    assert checks.report is not None
    assert checks.report.at == NOON + timedelta(minutes=75)
    assert checks.report.well


async def test_it_does_nothing_when_it_is_switched_off() -> None:
    """There is no report then."""
    world = World()
    checks = world.checks(enabled=False)

    await checks.run()

    assert checks.report is None
    assert checks.health().status is Status.UP


async def test_what_cannot_be_read_is_its_own_trouble_and_no_change() -> None:
    """It goes on; what was known before stays known."""
    world = World()
    checks = world.checks()
    world.percent = 90.0
    await checks.look()
    world.fault = "cannot read: the store is closed"
    report = await checks.look()
    degraded = checks.health()
    world.fault = ""
    await checks.look()

    assert (report.trouble, report.well) == ("cannot read: the store is closed", False)
    assert (degraded.status, degraded.reason) == (Status.DEGRADED, report.trouble)
    assert checks.health().status is Status.UP
    assert world.told == [("machine", False)]


async def test_what_could_not_be_told_is_told_after_the_next_look() -> None:
    """If it is still so."""
    world = World()
    checks = world.checks()
    world.percent, world.deaf = 90.0, True
    await checks.look()
    world.deaf = False
    await checks.look()
    await checks.look()

    assert world.told == [("machine", False)]
