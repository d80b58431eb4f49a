"""What is alarming about a suite's tasks and backups, without anybody having to write it."""

from dataclasses import replace

from intertie.monitor.rules import SEVERITY, AlertRule, Rules

AGE = "intertie_backup_age_seconds"
AGE_LIMIT = "intertie_backup_age_limit_seconds"
DRILL_PASSED = "intertie_backup_drill_passed"
RUNNING = "intertie_task_running_seconds"
P95 = "intertie_task_duration_p95_seconds"
_SHORTEST_S = 10
"""A task that runs no longer than this is never slow."""

_SLOW = AlertRule(
    name="TaskSlow",
    expr=f"({RUNNING} > 2 * {P95}) > {_SHORTEST_S}",
    shown=f"{RUNNING} > 2 * {P95}",
    labels=((SEVERITY, "warning"),),
    annotations=(
        (
            "summary",
            "the task {{ $labels.task }} runs for more than twice as long as 95 of 100 of its"
            " runs did",
        ),
    ),
)
_OF_BACKUPS = (
    AlertRule(
        name="BackupTooOld",
        expr=f"{AGE} > {AGE_LIMIT}",
        shown=f"{AGE} > {AGE_LIMIT}",
        severity="critical",
        labels=((SEVERITY, "critical"),),
        annotations=(
            (
                "summary",
                'the newest good backup is {{ printf "%.0f s" $value }} old; see'
                " `intertie schedule runs backup`",
            ),
        ),
    ),
    AlertRule(
        name="DrillFailed",
        expr=f"{DRILL_PASSED} == 0",
        shown=f"{DRILL_PASSED} == 0",
        severity="critical",
        labels=((SEVERITY, "critical"),),
        annotations=(
            (
                "summary",
                "the newest backup could not be restored as it must be; see `intertie schedule"
                " runs backup-drill`",
            ),
        ),
    ),
)


def with_tasks(rules: Rules, *, tasks: bool, backup: bool) -> Rules:
    """And those about tasks and backups, unless a rule of the suite has that name."""
    taken = {rule.name for rule in rules.rules}
    own = (*((_SLOW,) if tasks else ()), *(_OF_BACKUPS if backup else ()))
    return replace(rules, rules=(*rules.rules, *(each for each in own if each.name not in taken)))
