"""What of a suite nobody would hear of: parts that no rule, no objective and no channel watches."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from intertie.bus.topics import matches
from intertie.errors import IntertieError
from intertie.monitor.promql.query import compile
from intertie.monitor.rules import AlertRule, rules_of
from intertie.monitor.sample import NAME_LABEL, Matcher, Series
from intertie.suite.model import Suite
from intertie.suite.monitoring import Monitoring
from intertie.suite.route_names import declared_routes, named
from intertie.suite.slo import Slo

Kind = Literal["service", "route", "topic", "integration", "task", "tenant"]


@dataclass(frozen=True, slots=True)
class Thing:
    """A part of a suite that may fail."""

    kind: Kind
    name: str
    of: tuple[str, ...] = ()
    """Of a route: the services it leads to; of a service: routes that lead to it."""


@dataclass(frozen=True, slots=True)
class Covered:
    """A part, and what would tell of it: names of rules, objectives and channels."""

    thing: Thing
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """Series that a rule looks at."""

    by: str
    expr: str
    matchers: tuple[Matcher, ...]

    @property
    def metric(self) -> str:
        """Its name, where the rule says one."""
        named_ = (each.value for each in self.matchers if each.label == NAME_LABEL)
        return next(named_, "")


_CARRIES: Mapping[Kind, re.Pattern[str]] = {
    "service": re.compile(r"intertie_(http|service|replica)_\w+"),
    "route": re.compile(r"intertie_route_\w+"),
    "topic": re.compile(r"intertie_bus_(pending|dead_letters|lag)"),
    "integration": re.compile(r"intertie_integration_\w+"),
    "task": re.compile(r"intertie_(task|backup|restore|drill)_\w+"),
    "tenant": re.compile(r"intertie_(integration|tenant)_\w+"),
}
"""Metrics that each have a label of that kind."""


def things(suite: Suite) -> Iterator[Thing]:
    """All that is looked for, kind by kind. Routes that lead to no service cannot fail."""
    routes = [each for each in named(declared_routes(suite)) if each.route.services]
    for name in suite.services:
        yield Thing("service", name, tuple(r.name for r in routes if name in r.route.services))
    yield from (Thing("route", each.name, each.route.services) for each in routes)
    yield from (Thing("topic", name) for name in (suite.bus.topics if suite.bus else ()))
    yield from (Thing("integration", name) for name in suite.integrations)
    yield from (Thing("task", name) for name, _ in suite.automation.timings())
    yield from (Thing("tenant", name) for name in suite.tenants)


def coverage(suite: Suite) -> list[Covered]:
    """Each part of the suite. Raises IntertieError for a rule that cannot be used."""
    config = suite.monitoring or Monitoring()
    reads = list(_reads(rules_of(config.alerts, own=config.own_names).rules))
    for name, slo in config.slo.items():
        reads += _counted(name, slo)
    return [Covered(each, tuple(dict.fromkeys(_by(each, suite, reads)))) for each in things(suite)]


def _by(thing: Thing, suite: Suite, reads: Sequence[_Read]) -> Iterator[str]:
    config = suite.monitoring or Monitoring()
    for name, slo in config.slo.items():
        if _promises(slo, thing):
            yield f"slo {name}"
    for read in reads:
        if _tells(read, thing, config):
            yield read.by
    if thing.kind == "task":
        timing = dict(suite.automation.timings())[thing.name]
        yield from (f"channel {name}" for name in timing.notifications.failure)


def _promises(slo: Slo, thing: Thing) -> bool:
    said = {
        "service": slo.service,
        "route": slo.route,
        "integration": slo.integration,
        "tenant": slo.tenant,
    }
    if said.get(thing.kind) == thing.name:
        return slo.tenant is None or thing.kind == "tenant"
    return thing.kind == "route" and slo.service is not None and slo.service in thing.of


def _tells(read: _Read, thing: Thing, config: Monitoring) -> bool:
    if thing.kind == "tenant":
        return _of_tenant(read, thing)
    if thing.kind == "topic" and (metric := config.metrics.get(read.metric)) is not None:
        return metric.topic is not None and matches(metric.topic, thing.name)
    about_requests = read.metric.startswith("intertie_http_")
    if thing.kind == "route" and about_requests:
        return any(_carries(read, Thing("service", name)) for name in thing.of)
    if thing.kind == "service" and read.metric == "up":
        return _is_scraped(read, thing, config)
    return _carries(read, thing) and (
        thing.kind != "service" or bool(thing.of or not about_requests)
    )


def _is_scraped(read: _Read, thing: Thing, config: Monitoring) -> bool:
    """`up` is of each page of metrics that is read."""
    scraped = config.metrics_collection.scrape.items()
    jobs = [job for job, each in scraped if each.service == thing.name]
    pages = (Series.of("up", {"job": job, "service": thing.name}) for job in jobs)
    return any(all(each.fits(page) for each in read.matchers) for page in pages)


def _carries(read: _Read, thing: Thing) -> bool:
    """Whether series of the part are among those read; a metric of its own must name it."""
    label = [each for each in read.matchers if each.label == thing.kind]
    if _CARRIES[thing.kind].fullmatch(read.metric) is None:
        return bool(_chosen(label)) and _fit(label, thing)
    return _fit(label, thing)


def _of_tenant(read: _Read, thing: Thing) -> bool:
    """Of a sum over all tenants nobody learns which one is unwell."""
    label = [each for each in read.matchers if each.label == "tenant"]
    if _chosen(label):
        return _fit(label, thing)
    apart = re.search(r"\bby\s*\(([^)]*\btenant\b[^)]*)\)", read.expr) is not None
    summed = re.search(r"\b(sum|avg|max|min|count)\b", read.expr) is not None
    known = _CARRIES["tenant"].fullmatch(read.metric) is not None
    return known and (apart or not summed) and _fit(label, thing)


def _chosen(label: Iterable[Matcher]) -> list[Matcher]:
    return [each for each in label if each.op in {"=", "=~"}]


def _fit(label: Iterable[Matcher], thing: Thing) -> bool:
    if thing.kind == "topic":
        return all(_fits_topic(each, thing.name) for each in label)
    series = Series.of("", {thing.kind: thing.name})
    return all(each.fits(series) for each in label)


def _fits_topic(matcher: Matcher, topic: str) -> bool:
    """The label is what a group listens to: the topic itself, or a pattern that it fits."""
    fitting = (Series.of("", {"topic": pattern}) for pattern in patterns_of(topic))
    return any(matcher.fits(each) for each in fitting)


def patterns_of(topic: str) -> list[str]:
    """What a group may listen to that gets the topic."""
    words = topic.split(".")
    heads = [".".join([*words[:count], "#"]) for count in range(len(words) + 1)]
    return [topic, ".".join([*words[:-1], "*"]), *heads]


def _reads(rules: Iterable[AlertRule]) -> Iterator[_Read]:
    for rule in rules:
        yield from _reads_of(f"rule {rule.name}", rule.expr)


def _counted(name: str, slo: Slo) -> Iterator[_Read]:
    """Of an objective about counters of any kind."""
    if slo.expr is not None:
        for text in (slo.expr.total, slo.expr.good, slo.expr.bad):
            if text is not None:
                yield from _reads_of(f"slo {name}", text)


def _reads_of(by: str, expr: str) -> Iterator[_Read]:
    try:
        reads = compile(expr).reads(0, 0)
    except IntertieError as exc:
        raise IntertieError(f"cannot tell what {by} is about: {exc}") from exc
    yield from (_Read(by, expr, each.matchers) for each in reads)
