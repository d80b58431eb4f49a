"""Rules of remediation, judged before anything starts: alerts that they answer have to exist."""

from collections.abc import Iterator

from intertie.errors import Fault, SuiteError
from intertie.monitor.rules import rules_of, with_own
from intertie.monitor.slo import with_slos
from intertie.monitor.task_rules import with_tasks
from intertie.suite.load import Loaded
from intertie.suite.nearest import did_you_mean
from intertie.suite.tree import Keys


def check(loaded: Loaded) -> None:
    """Raise SuiteError with each name of an alert that no rule of the suite has."""
    faults = list(_faults(loaded))
    if faults:
        raise SuiteError(faults)


def _faults(loaded: Loaded) -> Iterator[Fault]:
    config, monitoring = loaded.suite.automation.remediation, loaded.suite.monitoring
    if config is None or monitoring is None:
        return
    own = rules_of(monitoring.alerts, own=monitoring.metrics)
    automation = loaded.suite.automation
    every = with_tasks(
        with_slos(with_own(own), monitoring.slo),
        tasks=automation.has_timings,
        backup=automation.backup is not None,
    )
    known = [each.name for each in every.rules]
    for name, rule in config.rules.items():
        keys: Keys = ("automation", "remediation", "rules", name)
        for alert in rule.alerts:
            if alert not in known:
                why = f"no rule below `monitoring` is named {alert!r}"
                yield loaded.places[keys].fault(keys, why, did_you_mean(alert, known))
