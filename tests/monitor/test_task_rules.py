"""Alerts about tasks and backups."""

import pytest

from intertie.monitor.promql.query import compile
from intertie.monitor.rules import Rules, rules_of
from intertie.monitor.task_rules import with_tasks
from intertie.suite.monitoring import Alarming


@pytest.mark.parametrize(
    ("tasks", "backup", "names"),
    [
        (False, False, []),
        (True, False, ["TaskSlow"]),
        (True, True, ["TaskSlow", "BackupTooOld", "DrillFailed"]),
    ],
)
def test_a_suite_has_those_of_what_it_does(tasks: bool, backup: bool, names: list[str]) -> None:
    """Each is PromQL that can be looked at."""
    found = with_tasks(Rules(), tasks=tasks, backup=backup).rules

    assert [each.name for each in found] == names
    for each in found:
        compile(each.expr)


def test_a_rule_of_the_suite_stands_for_ours() -> None:
    """By its name."""
    told = rules_of(Alarming.model_validate({"rules": {"DrillFailed": {"expr": "up > 9"}}}))

    found = with_tasks(told, tasks=True, backup=True).rules

    assert [each.shown for each in found if each.name == "DrillFailed"] == ["up > 9"]
