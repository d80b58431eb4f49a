from datetime import UTC, datetime
from typing import Any

import pytest

from intertie.control.automation_manager import foreseen, in_short, merged
from intertie.errors import IntertieError
from intertie.suite.model import Suite

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)  # a Sunday
SERVICE = {"command": "true"}


def suite(**automation: object) -> Suite:
    """Of one service and one channel."""
    return Suite.model_validate(
        {
            "suite": "s",
            "services": {"web": SERVICE},
            "monitoring": {"channels": {"hook": {"kind": "webhook", "url": "http://x"}}},
            "automation": automation,
        }
    )


def task(**backup: object) -> dict[str, object]:
    """A configuration as the guide spells it."""
    return {"task_automation": {"backup_automation": backup}}


def test_what_the_file_says_beside_it_stays() -> None:
    """Key by key; of what both say, the configuration counts."""
    before = suite(
        backup={"schedule": "0 1 * * *", "repository": "elsewhere"},
        tasks={"mine": {"schedule": "0 5 * * *", "command": "true"}},
    )

    made = merged(before, task(schedule="0 2 * * *")).automation

    assert made.backup is not None
    assert (made.backup.schedule, made.backup.repository) == ("0 2 * * *", "elsewhere")
    assert made.tasks == before.automation.tasks


def test_recovery_said_in_short_is_moved_beside_the_checks() -> None:
    """Neither is lost."""
    before = suite(automatic_recovery={"max_attempts": 5})

    made = merged(before, {"monitoring_automation": {"health_checks": {"interval": 60}}}).automation

    assert made.recovery is not None
    assert made.health_checks is not None
    assert (made.recovery.max_attempts, made.health_checks.interval) == (5, 60)


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        ({"tasks": {}}, "unknown key 'tasks'; expected task_automation and monitoring_automation"),
        ({"task_automation": {"x": {}}}, "unknown key 'task_automation.x'"),
        ({"task_automation": 3}, "expected a table at 'task_automation'"),
        (task(tasks=["dancing"]), "backup.tasks.0"),
        (task(notifications={"failure": ["sms"]}), "'sms'"),
        (
            {"monitoring_automation": {"remediation": {"automatic_recovery": {"services": "x"}}}},
            "recovery names 'x', which is no service",
        ),
        ({"monitoring_automation": {"health_checks": {"checks": ["x"]}}}, "health_checks.checks"),
    ],
)
def test_what_makes_no_sense_is_refused(config: dict[str, Any], fault: str) -> None:
    """With the place and the reason."""
    with pytest.raises(IntertieError, match=fault):
        merged(suite(), config)


def test_all_faults_are_told_at_once() -> None:
    """Nobody mends a file one fault at a time."""
    with pytest.raises(IntertieError, match=r"jitter.*tasks"):
        merged(suite(), task(jitter="often", tasks=["dancing"]))


def test_long_names_become_those_of_the_suite_file() -> None:
    """Both tables, and nothing that was not given."""
    tasks: dict[str, Any] = {"backup_automation": {}, "maintenance_automation": {}}

    assert in_short({"task_automation": tasks}) == {"backup": {}, "maintenance": {}}
    assert in_short({}) == {}


def test_what_will_happen_is_foreseen() -> None:
    """When each task runs next, and how often it is looked."""
    made = suite(
        backup={"enabled": False},
        maintenance={},
        tasks={"mine": {"schedule": "0 5 * * *", "command": "true"}},
        automatic_recovery={},
    )

    found = foreseen(made, NOON)

    assert found.ok
    assert found.next_runs["maintenance"] == datetime(2025, 6, 8, 3, tzinfo=UTC)
    assert found.next_runs["mine"] == datetime(2025, 6, 2, 5, tzinfo=UTC)
    assert "backup" not in found.next_runs
    assert (found.checks_every_s, found.recovered) == (None, ("web",))


def test_what_cannot_happen_is_named() -> None:
    """Schedules, zones and folders, each by its task."""
    made = suite(
        backup={"schedule": "0 0 31 2 *"},
        maintenance={"temp_paths": ["/"]},
        tasks={"mine": {"schedule": "0 5 * * *", "command": "true", "timezone": "Mars/North"}},
    )

    found = foreseen(made, NOON)

    assert not found.ok
    told = "; ".join(found.faults)
    for part in ("backup: cannot", "maintenance: cannot clean '/'", "mine: cannot use time zone"):
        assert part in told
