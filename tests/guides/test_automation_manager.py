"""The guide's automation: its whole configuration applied to a running suite, value by value."""

import json
from collections.abc import AsyncIterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from intertie import SuiteOrchestrator, load
from intertie.control import AutomationManager
from intertie.control.automation_manager import AutomationReport
from intertie.errors import IntertieError
from intertie.suite.recovery import Automation

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

AUTOMATION_CONFIG: dict[str, Any] = {
    "task_automation": {
        "backup_automation": {
            "schedule": "0 2 * * *",  # Daily at 2 AM
            "pre_checks": ["storage_space", "service_status", "network_connectivity"],
            "tasks": ["snapshot_creation", "backup_execution", "verification", "cleanup"],
            "notifications": {"success": ["email"], "failure": ["email", "slack", "sms"]},
        },
        "maintenance_automation": {
            "schedule": "0 3 * * 0",  # Weekly at 3 AM Sunday
            "tasks": ["log_rotation", "cache_cleanup", "temp_cleanup", "index_optimization"],
            "resource_limits": {"cpu_limit": "50%", "io_priority": "low", "nice_value": 19},
        },
    },
    "monitoring_automation": {
        "health_checks": {
            "interval": 300,  # Every 5 minutes
            "checks": ["service_status", "resource_usage", "error_rates", "response_times"],
            "thresholds": {"cpu_usage": 80, "memory_usage": 85, "disk_usage": 90, "error_rate": 5},
        },
        "remediation": {
            "automatic_recovery": {
                "enabled": True,
                "max_attempts": 3,
                "services": ["media_server", "backup_service", "monitoring_service"],
            }
        },
    },
}

SUITE = """
suite: guide
services:
  media_server: {command: sleep 1000}
  backup_service: {command: sleep 1000}
  monitoring_service: {command: sleep 1000}
api: {port: auto}
monitoring:
  channels:
    email: {kind: email, sender: suite@example.org, to: ops@example.org}
    slack: {kind: webhook, url: "http://127.0.0.1:9/slack"}
    sms: {kind: webhook, url: "http://127.0.0.1:9/sms"}
"""


class Manager(AutomationManager):
    """As the guide has it."""

    report: AutomationReport

    async def configure_automation(self) -> None:
        """Configure automation tools and workflows."""
        automation_config = AUTOMATION_CONFIG
        # Apply automation configurations
        await self.setup_automation_tasks(automation_config)
        self.report = await self.validate_automation()


@pytest.fixture
async def orchestrator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SuiteOrchestrator]:
    """A suite with the guide's services and channels, in which nothing is automated."""
    (tmp_path / "suite.yaml").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    made = SuiteOrchestrator()
    await made.open()
    try:
        yield made
    finally:
        await made.close()


def _is_the_guides(found: Automation) -> None:
    """Each value, one by one."""
    backup, maintenance = found.backup, found.maintenance
    assert backup is not None
    assert maintenance is not None
    assert backup.schedule == "0 2 * * *"
    assert backup.pre_checks == ("storage_space", "service_status", "network_connectivity")
    assert backup.tasks == ("snapshot_creation", "backup_execution", "verification", "cleanup")
    assert backup.notifications.success == ("email",)
    assert backup.notifications.failure == ("email", "slack", "sms")
    assert maintenance.schedule == "0 3 * * 0"
    assert maintenance.tasks == (
        "log_rotation",
        "cache_cleanup",
        "temp_cleanup",
        "index_optimization",
    )
    limits = maintenance.resource_limits
    assert (limits.cpu_limit, limits.io_priority, limits.nice_value) == (50, "low", 19)
    checks, recovery = found.health_checks, found.recovery
    assert checks is not None
    assert checks.interval == 300
    assert checks.checks == ("service_status", "resource_usage", "error_rates", "response_times")
    most = checks.thresholds
    assert (most.cpu_usage, most.memory_usage, most.disk_usage, most.error_rate) == (80, 85, 90, 5)
    assert recovery is not None
    assert (recovery.enabled, recovery.max_attempts) == (True, 3)
    assert recovery.services == ("media_server", "backup_service", "monitoring_service")


async def test_the_guides_configuration_is_in_force(orchestrator: SuiteOrchestrator) -> None:
    """Of the running suite, and what will happen is what it says."""
    manager = Manager(orchestrator)

    await manager.configure_automation()

    _is_the_guides(orchestrator.suite.automation)
    at = {name: (when.hour, when.minute) for name, when in manager.report.next_runs.items()}
    assert at["backup"] == (2, 0)
    assert at["maintenance"] == (3, 0)
    assert manager.report.next_runs["maintenance"].isoweekday() == 7
    assert manager.report.checks_every_s == 300
    assert manager.report.recovered == ("media_server", "backup_service", "monitoring_service")


async def test_applying_it_twice_changes_nothing(orchestrator: SuiteOrchestrator) -> None:
    """What is in force stays so."""
    manager = Manager(orchestrator)
    await manager.configure_automation()
    before = orchestrator.suite

    await manager.configure_automation()

    assert orchestrator.suite == before


@pytest.mark.parametrize(
    ("place", "value", "fault"),
    [
        (("task_automation", "backup_automation", "pre_checks"), ["weather"], "pre_checks"),
        (
            ("task_automation", "backup_automation", "notifications", "failure"),
            ["pager"],
            "'pager', which `monitoring.channels` does not have",
        ),
        (
            ("task_automation", "maintenance_automation", "resource_limits", "nice_value"),
            20,
            "nice_value",
        ),
        (
            ("monitoring_automation", "remediation", "automatic_recovery", "services"),
            ["nobody"],
            "'nobody', which is no service",
        ),
    ],
)
async def test_a_faulty_configuration_changes_nothing(
    orchestrator: SuiteOrchestrator, place: tuple[str, ...], value: object, fault: str
) -> None:
    """It is refused as a whole."""
    config = deepcopy(AUTOMATION_CONFIG)
    table = config
    for key in place[:-1]:
        table = table[key]
    table[place[-1]] = value
    before = orchestrator.suite

    with pytest.raises(IntertieError, match=fault):
        await Manager(orchestrator).setup_automation_tasks(config)

    assert orchestrator.suite == before


async def test_a_schedule_that_never_comes_is_refused(orchestrator: SuiteOrchestrator) -> None:
    """Its task is named, and nothing is changed."""
    before = orchestrator.suite
    config = {"task_automation": {"backup_automation": {"schedule": "0 0 31 2 *"}}}

    with pytest.raises(IntertieError, match="backup: cannot"):
        await Manager(orchestrator).setup_automation_tasks(config)

    assert orchestrator.suite == before


def _written(automation: object) -> str:
    """As the end of a suite file: JSON is YAML too."""
    return f"automation: {json.dumps(automation)}\n"


def test_the_suite_file_may_spell_it_as_the_guide_does(tmp_path: Path) -> None:
    """Word for word, below `automation`."""
    file = tmp_path / "suite.yaml"
    file.write_text(SUITE + _written(AUTOMATION_CONFIG))

    _is_the_guides(load(file).suite.automation)


@pytest.mark.parametrize("short", ["backup", "maintenance"])
def test_it_is_said_in_one_place_only(tmp_path: Path, short: str) -> None:
    """Two could contradict each other."""
    file = tmp_path / "suite.yaml"
    twice = {**AUTOMATION_CONFIG, short: {}}
    file.write_text(SUITE + _written(twice))

    with pytest.raises(IntertieError, match="`task_automation` says it already"):
        load(file)
