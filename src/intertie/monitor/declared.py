"""What a suite file declares, judged before anything starts."""

from collections.abc import Iterator
from datetime import UTC, datetime

from intertie.errors import Fault, IntertieError, SuiteError
from intertie.monitor.channels.words import faults as template_faults
from intertie.monitor.promql.query import compile as compiled
from intertie.monitor.records import faults as record_faults
from intertie.monitor.rules import rules_of
from intertie.monitor.slo import faults as slo_faults
from intertie.monitor.stages import window_end
from intertie.suite.load import Loaded
from intertie.suite.model import Suite
from intertie.suite.monitoring import Monitoring
from intertie.suite.nearest import did_you_mean
from intertie.suite.route_names import route_names
from intertie.suite.tree import Keys

_SOMETIME = datetime(2026, 1, 1, tzinfo=UTC)


def check(loaded: Loaded) -> None:
    """Raise SuiteError with each rule, template and window that cannot be used."""
    monitoring = loaded.suite.monitoring
    faults = [] if monitoring is None else list(_faults(loaded, monitoring))
    if faults:
        raise SuiteError(faults)


def _faults(loaded: Loaded, monitoring: Monitoring) -> Iterator[Fault]:
    alerts: Keys = ("monitoring", "alerts")
    try:
        rules = rules_of(monitoring.alerts, own=monitoring.own_names)
    except IntertieError as exc:
        for line in str(exc).splitlines():
            yield loaded.places[alerts].fault(alerts, line)
        return
    for rule in rules.rules:
        keys = (*alerts, "rules", rule.name) if rule.name in monitoring.alerts.rules else alerts
        for text in filter(None, (rule.expr, rule.recovery)):
            try:
                compiled(text)
            except IntertieError as exc:
                yield loaded.places[keys].fault(keys, str(exc))
    for name, why in record_faults(monitoring.records, metrics=monitoring.metrics):
        keys = ("monitoring", "records", name)
        yield loaded.places[keys].fault(keys, f"cannot record {name}: {why}")
    yield from _uncounted_routes(loaded, monitoring)
    for name, why in slo_faults(monitoring.slo, monitoring.alerts.mute):
        keys = ("monitoring", "slo", name)
        yield loaded.places[keys].fault(keys, why)
    yield from _unreadable_templates(loaded, monitoring)
    for name, window in monitoring.alerts.mute.items():
        try:
            window_end(window, _SOMETIME)
        except IntertieError as exc:
            keys = (*alerts, "mute", name)
            yield loaded.places[keys].fault(keys, str(exc))


def _unreadable_templates(loaded: Loaded, monitoring: Monitoring) -> Iterator[Fault]:
    for name, template in monitoring.templates.items():
        for part, why in template_faults(template):
            keys = ("monitoring", "templates", name, part)
            yield loaded.places[keys].fault(keys, why)


def _uncounted_routes(loaded: Loaded, monitoring: Monitoring) -> Iterator[Fault]:
    for name, slo in monitoring.slo.items():
        why, hint = _why_uncounted(loaded.suite, slo.route) if slo.route else ("", "")
        if why:
            keys = ("monitoring", "slo", name, "route")
            yield loaded.places[keys].fault(keys, why, hint)


def _why_uncounted(suite: Suite, route: str) -> tuple[str, str]:
    if suite.gateway is not None and suite.gateway.count_statuses is False:
        why = "cannot count requests of routes: `gateway.count_statuses` is off"
        return why, "switch it on, or leave it out"
    known = route_names(suite)
    is_all = suite.gateway is None or not suite.gateway.openapi  # those are imported at the start
    if is_all and route not in known:
        why = f"cannot count requests of route {route!r}: the gateway has none of that name"
        return why, did_you_mean(route, known) or f"known are {', '.join(known[:20]) or 'none'}"
    return "", ""
