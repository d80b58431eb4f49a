"""What would tell of parts that nobody would hear of: rules as a suite file has them."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from itertools import chain, count
from typing import cast

from intertie.monitor.coverage import Kind, Thing, patterns_of
from intertie.suite.model import Suite
from intertie.suite.monitoring import Monitoring
from intertie.suite.recovery import BACKUP, DRILL, MAINTENANCE

Tree = Mapping[str, object]

_CHANNEL = "ops"
_WORDS = re.compile(r"[^A-Za-z0-9]+")
_OBJECTIVE = "99.9%"
_LONGEST = 90


def proposals(uncovered: Iterable[Thing], suite: Suite) -> list[Tree]:
    """What to write into the suite file for each of them, below the keys that lead there."""
    taken = set((suite.monitoring or Monitoring()).alerts.rules)
    return [_proposal(each, suite, taken) for each in uncovered]


def _proposal(thing: Thing, suite: Suite, taken: set[str]) -> Tree:
    if thing.kind == "task":
        return _task(thing, suite)
    if thing.kind == "tenant":
        objective = suite.tenants[thing.name].sla or _OBJECTIVE
        slo = {f"tenant-{thing.name}": {"tenant": thing.name, "objective": objective}}
        return {"monitoring": {"slo": slo}}
    name = _free(f"{_title(thing.name)}{_ENDS[thing.kind]}", taken)
    taken.add(name)
    return {"monitoring": {"alerts": {"rules": {name: _RULES[thing.kind](thing)}}}}


def together(trees: Iterable[Tree]) -> Tree:
    """All of them as one."""
    whole: dict[str, object] = {}
    for tree in trees:
        _put(whole, tree)
    return whole


def _put(into: dict[str, object], tree: Tree) -> None:
    for key, value in tree.items():
        known = into.get(key)
        if isinstance(known, dict) and isinstance(value, Mapping):
            _put(cast("dict[str, object]", known), cast("Tree", value))
        else:
            into[key] = dict(cast("Tree", value)) if isinstance(value, Mapping) else value
            if isinstance(value, Mapping):
                into[key] = inner = dict[str, object]()
                _put(inner, cast("Tree", value))


def _service(thing: Thing) -> Tree:
    return {
        "expr": f'intertie_service_up{{service="{thing.name}"}} == 0',
        "for": "1m",
        "severity": "critical",
        "annotations": {"summary": f"service {thing.name} is not well"},
    }


def _route(thing: Thing) -> Tree:
    of = f"route={_quoted(thing.name)}"
    total = f'sum(rate(intertie_route_requests_total{{{of},status!="none"}}[5m]))'
    bad = f'sum(rate(intertie_route_requests_total{{{of},status="5xx"}}[5m]))'
    return {
        "expr": f"{bad} / {total} > 0.05",
        "for": "5m",
        "severity": "critical",
        "annotations": {"summary": f"more than 5% of the requests to {thing.name} fail"},
    }


def _topic(thing: Thing) -> Tree:
    heard = "|".join(re.escape(each) for each in patterns_of(thing.name))
    return {
        "expr": f"intertie_bus_dead_letters{{topic=~{_quoted(heard)}}} > 0",
        "severity": "warning",
        "annotations": {"summary": f"messages of {thing.name} were given up"},
    }


def _integration(thing: Thing) -> Tree:
    of = f'integration="{thing.name}"'
    failed = f"sum(rate(intertie_integration_failures_total{{{of}}}[15m]))"
    calls = f"sum(rate(intertie_integration_call_seconds_count{{{of}}}[15m]))"
    return {
        "expr": f"{failed} / {calls} > 0.1",
        "for": "5m",
        "severity": "warning",
        "annotations": {"summary": f"more than 10% of the calls of {thing.name} fail"},
    }


_RULES = {
    "service": _service,
    "route": _route,
    "topic": _topic,
    "integration": _integration,
}
_ENDS: Mapping[Kind, str] = {
    "service": "Down",
    "route": "Errors",
    "topic": "GivenUp",
    "integration": "Fails",
}


def _task(thing: Thing, suite: Suite) -> Tree:
    """Those of ours are one word of the file, and not below `tasks`."""
    names = list(channels(suite))
    told = {"notifications": {"failure": names or [_CHANNEL]}}
    place = {BACKUP: "backup", DRILL: "backup", MAINTENANCE: "maintenance"}.get(thing.name)
    below: Tree = {place: told} if place is not None else {"tasks": {thing.name: told}}
    if names:
        return {"automation": below}
    made = {_CHANNEL: {"kind": "webhook", "url": f"${{secret:{_CHANNEL}}}"}}
    return {"automation": below, "monitoring": {"channels": made}}


def channels(suite: Suite) -> Sequence[str]:
    """Who is told of alerts, or could be; nothing: there is no channel."""
    config = suite.monitoring or Monitoring()
    known = [name for name in config.alert_integration.channels if name in config.channels]
    return known or list(config.channels)


def _title(name: str) -> str:
    words = [word[:1].upper() + word[1:] for word in _WORDS.split(name) if word]
    title = "".join(words) or "Root"
    return title if title[0].isalpha() else f"R{title}"


def _free(name: str, taken: Container[str]) -> str:
    """The name, or with a number where a rule has it."""
    short = name[:_LONGEST]
    numbers = (f"{short}{number}" for number in count(2))
    return next(each for each in chain([short], numbers) if each not in taken)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
