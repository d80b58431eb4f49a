"""Objectives over our metrics: what is counted, the budget, and rules about how fast it burns."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from math import isclose
from typing import Literal, assert_never

from intertie.errors import IntertieError
from intertie.monitor.promql.query import compile as compiled
from intertie.monitor.promql.tree import Moment, Selector
from intertie.monitor.rules import ALERT_NAME, SEVERITY, AlertRule, Rules, labels_of
from intertie.monitor.sample import Matcher, escaped
from intertie.suite.monitoring import Inhibition
from intertie.suite.slo import BurnAlert, Slo

SLO = "slo"
"""The label that names an objective."""
WINDOW = "window"
GOOD = "intertie_slo_good_total"
TOTAL = "intertie_slo_total"
EXCLUDED = "intertie_slo_excluded_total"
"""Events in windows that do not count."""
EXCLUDED_SECONDS = "intertie_slo_excluded_seconds_total"
ERROR_RATIO = "intertie_slo_error_ratio"
"""Share of bad events over a window, from 0 to 1."""

SERVICE_BOUNDS_S = (
    0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
    600.0, 1800.0, 3600.0,
)  # fmt: skip
"""What the gateway counts durations up to: Envoy's own."""
ROUTE_BOUNDS_S = SERVICE_BOUNDS_S[1:]
"""The same of a route, whose durations are whole milliseconds."""
CALL_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""The same of calls of integrations."""

_REQUESTS = "intertie_http_requests_total"
_DURATIONS = "intertie_http_request_duration_seconds_bucket"
_ROUTE_REQUESTS = "intertie_route_requests_total"
_ROUTE_DURATIONS = "intertie_route_request_duration_seconds_bucket"
_GATEWAY_ALIVE = "intertie_gateway_active_connections"
_UP = "intertie_service_up"
_CALLS = "intertie_integration_call_seconds_count"
_CALL_TIMES = "intertie_integration_call_seconds_bucket"
_FAILURES = "intertie_integration_failures_total"
_OF_THE_VENDOR = 'cause=~"auth|vendor"'
"""What breaks a promise of availability; mistakes of the caller do not."""
_SPANS = (("d", 86400), ("h", 3600), ("m", 60))


@dataclass(frozen=True, slots=True)
class Sli:
    """What is counted for an objective."""

    unit: Literal["requests", "calls", "seconds", "events"]
    total: str
    """Selector of the counters of all events; of a gauge where `part_is` is up."""
    part: str
    """Selector of the counters of some of them."""
    part_is: Literal["good", "bad", "up"]
    """Up: a gauge, 1 while it is good."""
    alive: str
    """Selector of what is told by the same source also while nothing happens."""


def sli_of(slo: Slo) -> Sli:
    """What is counted. Raises IntertieError where that is not measured."""
    if slo.expr is not None:
        part = slo.expr.good or slo.expr.bad or ""
        for text in (slo.expr.total, part):
            matchers_of(text)
        part_is: Literal["good", "bad"] = "good" if slo.expr.good else "bad"
        return Sli("events", slo.expr.total, part, part_is, alive=slo.expr.total)
    match slo.indicator:
        case "availability":
            return _availability(slo)
        case "latency":
            return _latency(slo)
        case "uptime":
            up = f'{_UP}{{service="{slo.service}"}}'
            return Sli("seconds", up, up, "up", alive=up)
    assert_never(slo.indicator)


def matchers_of(text: str) -> tuple[Matcher, ...]:
    """Which series a selector is of.

    Raises IntertieError for anything else: of a sum nobody can tell which of its counters began
    again.
    """
    node = compiled(text).node
    if not isinstance(node, Selector) or node.moment != Moment():
        raise IntertieError(
            f'cannot count by `{text}`: expected counters as `name{{label="value"}}`, without a'
            " function, range or offset; those of several series are added up"
        )
    return node.matchers


def error_ratio_query(sli: Sli, window_s: float) -> str:
    """PromQL for the share of bad events over a window, from what is measured itself."""
    span = span_text(window_s)
    if sli.part_is == "up":
        return f"1 - avg_over_time({sli.part}[{span}])"
    part = f"(sum(increase({sli.part}[{span}])) or vector(0))"
    ratio = f"{part} / sum(increase({sli.total}[{span}]))"
    return ratio if sli.part_is == "bad" else f"1 - {ratio}"


def burn_rules(slos: Mapping[str, Slo]) -> Rules:
    """An alert for each pair of windows that can fire; a fast one hides the slow ones."""
    rules: list[AlertRule] = []
    hidden: list[Inhibition] = []
    for name, slo in sorted(slos.items()):
        mine = list(_rules(name, slo))
        rules += mine
        hidden += [
            Inhibition(source={ALERT_NAME: upper.name}, target={ALERT_NAME: lower.name})
            for upper in mine
            for lower in mine
            if (upper.severity, lower.severity) == ("critical", "warning")
        ]
    return Rules(tuple(rules), tuple(hidden))


def with_slos(rules: Rules, slos: Mapping[str, Slo]) -> Rules:
    """And those about budgets, unless a rule of the suite has that name."""
    taken = {rule.name for rule in rules.rules}
    burning = burn_rules(slos)
    return replace(
        rules,
        rules=(*rules.rules, *(each for each in burning.rules if each.name not in taken)),
        inhibitions=(*rules.inhibitions, *burning.inhibitions),
    )


def faults(slos: Mapping[str, Slo], windows: Collection[str]) -> Iterator[tuple[str, str]]:
    """Names of objectives that cannot be followed, and why; `windows`: names of mute windows."""
    for name, slo in slos.items():
        try:
            sli_of(slo)
        except IntertieError as exc:
            yield name, str(exc)
        for missing in sorted(set(slo.exclude) - set(windows)):
            yield name, f"cannot exclude {missing!r}: `alerts.mute` has no such window"


def about(slo: Slo) -> str:
    """`latency up to 500ms of service web`."""
    if slo.expr is not None:
        return f"events {slo.expr.total}"
    upto = f" up to {slo.threshold:g} s" if slo.threshold is not None else ""
    of = ", ".join(f"{kind} {name}" for kind, name in _named(slo))
    return f"{slo.indicator}{upto} of {of}"


def span_text(seconds: float) -> str:
    """As PromQL writes it: 5m, 6h, 90s."""
    whole = round(seconds)
    for unit, length in _SPANS:
        if whole % length == 0:
            return f"{whole // length}{unit}"
    return f"{whole}s"


def _availability(slo: Slo) -> Sli:
    if slo.service is not None:
        of = f'service="{slo.service}"'
        total = f'{_REQUESTS}{{{of},status!=""}}'  # without one nobody knows whether it was good
        bad = f'{_REQUESTS}{{{of},status=~"5.."}}'
        return Sli("requests", total, bad, "bad", alive=f"{_REQUESTS}{{{of}}}")
    if slo.route is not None:
        of = f'route="{escaped(slo.route)}"'
        total = f'{_ROUTE_REQUESTS}{{{of},status!="none"}}'  # who left got no answer, good or bad
        bad = f'{_ROUTE_REQUESTS}{{{of},status="5xx"}}'
        return Sli("requests", total, bad, "bad", alive=_GATEWAY_ALIVE)
    of = _of_calls(slo)
    bad = f"{_FAILURES}{{{of},{_OF_THE_VENDOR}}}"
    return Sli("calls", f"{_CALLS}{{{of}}}", bad, "bad", alive=_UP)


def _latency(slo: Slo) -> Sli:
    bounds = _bounds_s(slo)
    if not any(isclose(slo.threshold or 0, each) for each in bounds):
        known = ", ".join(f"{each:g}" for each in bounds)
        raise IntertieError(
            f"cannot count answers within {slo.threshold:g} s: times are counted up to {known}"
            " seconds; take one of these"
        )
    le = f"{slo.threshold:g}"
    if slo.service is not None:
        of = f'service="{slo.service}"'
        total, good = (f'{_DURATIONS}{{{of},le="{each}"}}' for each in ("+Inf", le))
        return Sli("requests", total, good, "good", alive=f"{_REQUESTS}{{{of}}}")
    if slo.route is not None:
        of = f'route="{escaped(slo.route)}"'
        total, good = (f'{_ROUTE_DURATIONS}{{{of},le="{each}"}}' for each in ("+Inf", le))
        return Sli("requests", total, good, "good", alive=_GATEWAY_ALIVE)
    of = _of_calls(slo)
    total, good = (f'{_CALL_TIMES}{{{of},le="{each}"}}' for each in ("+Inf", le))
    return Sli("calls", total, good, "good", alive=_UP)


def _bounds_s(slo: Slo) -> tuple[float, ...]:
    if slo.route is not None:
        return ROUTE_BOUNDS_S
    return SERVICE_BOUNDS_S if slo.service is not None else CALL_BOUNDS_S


def _named(slo: Slo) -> tuple[tuple[str, str], ...]:
    """What it is of, by kind."""
    said = (
        ("service", slo.service),
        ("route", slo.route),
        ("integration", slo.integration),
        ("tenant", slo.tenant),
    )
    return tuple((kind, name) for kind, name in said if name is not None)


def _of_calls(slo: Slo) -> str:
    named = (("integration", slo.integration), ("tenant", slo.tenant))
    return ",".join(f'{label}="{name}"' for label, name in named if name is not None)


def _rules(name: str, slo: Slo) -> Iterator[AlertRule]:
    count = {"critical": 0, "warning": 0}
    for pair in slo.reachable:
        count[pair.severity] += 1
        nth = str(count[pair.severity]) if count[pair.severity] > 1 else ""
        speed = "Fast" if pair.severity == "critical" else "Slow"
        yield _rule(f"SloBurn{speed}{nth}_{name}", name, slo, pair)


def _rule(title: str, name: str, slo: Slo, pair: BurnAlert) -> AlertRule:
    bound = f"{pair.factor * slo.budget_share:.12g}"
    long, short = (
        f'{ERROR_RATIO}{{{SLO}="{name}",{WINDOW}="{span_text(span)}"}} > {bound}'
        for span in (pair.long, pair.short)
    )
    expr = f"{long} and ignoring ({WINDOW}) {short}"
    spans = f"{span_text(pair.long)} and {span_text(pair.short)}"
    return AlertRule(
        name=title,
        expr=expr,
        shown=f"budget of {name} burns {pair.factor:g} times too fast over {spans}",
        severity=pair.severity,
        labels=labels_of([(SEVERITY, pair.severity)], _named(slo)),
        annotations=(("summary", _summary(name, slo, pair)),),
    )


def _summary(name: str, slo: Slo, pair: BurnAlert) -> str:
    return (
        f'{{{{ printf "%.6f" $value }}}} of all fail over {span_text(pair.long)}:'
        f" the budget of {name} ({slo.objective:g}% {about(slo)})"
        f" burns more than {pair.factor:g} times too fast"
    )
