"""What would become of a request, and by which lines of the suite file. Pure; Envoy is not asked.

The same rules as Envoy's: `table` is what it is told, and tests hold both against each other.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from intertie.gateway.routes import Routes, Rule, of_host
from intertie.suite.route import Matcher, Route
from intertie.suite.tree import Keys


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. Header names are lower-case."""

    method: str
    target: str
    """Path and query."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def path(self) -> str:
        """As rules see it: dots resolved, slashes merged."""
        path = re.sub(r"/{2,}", "/", self.target.partition("?")[0].partition("#")[0])
        found = posixpath.normpath(path) if path else "/"
        return found + "/" if path.endswith("/") and found != "/" else found

    @property
    def host(self) -> str:
        """Without its port."""
        return self.headers.get("host", "").lower().partition(":")[0]


@dataclass(frozen=True, slots=True)
class Decision:
    """One thing that is looked at, and the value that decides."""

    policy: str
    value: str
    keys: Keys
    """Of the suite file; where nothing is said, of the table that could say it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of the request."""

    status: int | None
    """Of an answer that no service is asked for; None where a service is."""
    why: str
    route: str = ""
    keys: Keys = ()
    decisions: Sequence[Decision] = ()


def explain(routes: Routes, asked: Asked) -> Outcome:
    """The rule that takes the request, and all that it is held against, in order."""
    on_path = [rule for rule in _of_host(routes.rules, asked.host) if _takes_path(rule, asked.path)]
    if not on_path:
        return Outcome(404, f"no route takes the path {asked.path}")
    first = on_path[0]
    same = [rule for rule in on_path if rule.segments == first.segments]
    for rule in on_path:
        if _takes(rule, asked):
            return _of_rule(rule, asked)
        if rule is same[-1] and not all(_has_conditions(each.route) for each in same):
            allowed = sorted({method for each in same for method in each.methods})
            why = f"{asked.method} is not one of {', '.join(allowed)}"
            return Outcome(405, why, first.id, (*first.keys, "methods"))
    return Outcome(404, "no route of this path takes a request with these headers", first.id)


def _of_host(rules: Sequence[Rule], host: str) -> list[Rule]:
    """Envoy takes the most telling host: itself, then the longest star, then all."""
    named = sorted({each for rule in rules for each in rule.route.hosts}, key=len, reverse=True)
    fits = [each for each in named if each == host]
    fits += [each for each in named if each.startswith("*.") and host.endswith(each[1:])]
    return of_host(rules, fits[0] if fits else "*")


def _takes_path(rule: Rule, path: str) -> bool:
    segments = [each for each in path.split("/") if each]
    if len(segments) < len(rule.segments):
        return False
    if rule.route.exact and (
        len(segments) > len(rule.segments) or (path.endswith("/") and segments)
    ):
        return False
    return all(
        want is None or want == got for want, got in zip(rule.segments, segments, strict=False)
    )


def _takes(rule: Rule, asked: Asked) -> bool:
    route = rule.route
    query = dict(parse_qsl(asked.target.partition("?")[2], keep_blank_values=True))
    cookies = dict(_cookies(asked.headers.get("cookie", "")))
    return asked.method in rule.methods and all(
        _holds(matcher, found.get(name))
        for matchers, found in (
            ({k.lower(): v for k, v in route.headers.items()}, asked.headers),
            (route.query, query),
            (route.cookies, cookies),
        )
        for name, matcher in matchers.items()
    )


def _has_conditions(route: Route) -> bool:
    return bool(route.headers or route.cookies)


def _holds(matcher: Matcher, value: str | None) -> bool:
    if matcher.present is not None:
        return (value is not None) == matcher.present
    if value is None:
        return False
    if matcher.exact is not None:
        return value == matcher.exact
    if matcher.prefix is not None:
        return value.startswith(matcher.prefix)
    return re.fullmatch(matcher.regex or "", value) is not None


def _cookies(header: str) -> Iterator[tuple[str, str]]:
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        yield name, value


def _of_rule(rule: Rule, asked: Asked) -> Outcome:
    decisions = tuple(_decisions(rule, asked))
    route = rule.route
    if route.answer:
        return Outcome(route.answer.status, "the gateway answers", rule.id, rule.keys, decisions)
    if route.redirect:
        why = f"the client is sent to {route.redirect.to}"
        return Outcome(route.redirect.status, why, rule.id, rule.keys, decisions)
    if rule.is_closed and not _shown(rule, asked):
        why = f"nothing is shown of what is accepted: {_accepted(rule)}"
        return Outcome(401, why, rule.id, rule.keys, decisions)
    return Outcome(None, f"goes to {' or '.join(route.services)}", rule.id, rule.keys, decisions)


def _shown(rule: Rule, asked: Asked) -> str:
    headers = asked.headers
    if "api_key" in rule.auth and "x-api-key" in headers:
        return "an API key"
    if (
        "session" in rule.auth
        and "authorization" not in headers
        and "intertie=" in headers.get("cookie", "")
    ):
        return "the cookie of a login"
    if "jwt" in rule.auth and headers.get("authorization", "").lower().startswith("bearer "):
        return "a token"
    return ""


def _accepted(rule: Rule) -> str:
    return " or ".join(rule.auth) or "nothing that can be checked here"


def _decisions(rule: Rule, asked: Asked) -> Iterator[Decision]:
    route, keys = rule.route, rule.keys
    security: Keys = ("gateway", "security")
    if rule.cors:
        own = route.cors is not None
        origins = ", ".join(rule.cors.allowed_origins)
        yield Decision("cors", origins, (*keys, "cors") if own else (*security, "cors"))
    if rule.addresses.allow or rule.addresses.deny:
        told = f"allow {_list(rule.addresses.allow)}, deny {_list(rule.addresses.deny)}"
        own = route.addresses is not None
        yield Decision("addresses", told, (*keys, "addresses") if own else (*security, "addresses"))
    if rule.is_closed:
        shown = _shown(rule, asked)
        told = f"{_accepted(rule)}; shown: {shown or 'nothing'}"
        yield Decision("authentication", told, (*security, "authentication"))
    else:
        yield Decision("authentication", "none needed", (*keys, "auth_required"))
    for name in ("roles", "scopes", "tenants"):
        wanted: tuple[str, ...] = getattr(route, name)
        if wanted:
            yield Decision(name, f"one of {', '.join(wanted)}", (*keys, name))
    yield from _limits(rule)
    if rule.is_cached:
        yield Decision("cache", _ttl(route), (*keys, "cache_ttl"))
    if route.max_body is not None:
        yield Decision("max_body", f"{route.max_body} bytes", (*keys, "max_body"))
    if route.fault:
        yield Decision("fault", str(route.fault), (*keys, "fault"))
    if not route.answer and not route.redirect:
        yield Decision(
            "timeout", f"{route.timeout:g} s" if route.timeout else "none", (*keys, "timeout")
        )


def _limits(rule: Rule) -> Iterator[Decision]:
    limits = rule.limits
    if limits is None:
        return
    if rule.route.rate_limit is not None:
        told = ", ".join(map(str, rule.route.rate_limit))
        yield Decision("rate limit", f"{told} of one {limits.key}", (*rule.keys, "rate_limit"))
        return
    place: Keys = ("gateway", "rate_limiting")
    yield Decision(
        "rate limit", f"{limits.default_rate} of one {limits.key}", (*place, "default_rate")
    )
    if limits.burst_rate:
        yield Decision(
            "rate limit", f"{limits.burst_rate} of one {limits.key}", (*place, "burst_rate")
        )


def _ttl(route: Route) -> str:
    return "as the service says" if route.cache_ttl is None else f"{route.cache_ttl:g} s"


def _list(items: Sequence[str]) -> str:
    return ", ".join(items) or "none" if items else "all"
