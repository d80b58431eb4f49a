"""Rules to Envoy's route table: what is matched, and what becomes of it."""

import re
from collections.abc import Iterator, Mapping, Sequence

from intertie.gateway import external, tls
from intertie.gateway.cache import fragments
from intertie.gateway.policy import cors, limits, on_open_route, on_preflight, on_route
from intertie.gateway.routes import LOGIN, LOOKED_FOR, Credential, Routes, Rule, of_host
from intertie.gateway.xds import (
    ADDRESS_HEADER,
    CLIENT_HEADER,
    COOKIE_PATTERN,
    IDENTITY_HEADER,
    KEY_HEADER,
    ORIGINAL_PATH_HEADER,
    ROUTE_CONFIG,
    Json,
    T,
    append,
    default,
    overwrite,
    percent,
    plain,
    seconds,
)
from intertie.suite.route import Headers, Matcher, Part, Retries, Route
from intertie.suite.security import Addresses, Cors, SecurityHeaders
from intertie.suite.upstream import LoadBalancing

_SAFE = ("GET", "HEAD", "OPTIONS")
# Any request that no replica got may go to another one. One that a replica got before it died may
# do so only when it is safe: a POST must not be done twice.
_NOT_SENT = ("connect-failure", "refused-stream", "reset-before-request")
_STREAM_IDLE_S = 3600.0
_LONGEST_BACKOFF = 10
# What services read in more than one way: parameters of segments, which Java servers drop before
# they look at the path; what is encoded twice; control characters, before which others stop.
_AMBIGUOUS = r".*(?:;|%3[Bb]|%25[0-9A-Fa-f%]|%[01][0-9A-Fa-f]|%7[Ff]).*"
ANSWER = "intertie.answer"
"""Marks a route whose answer is sent as the suite has it."""
# What a closed route has not looked at does not go on to its service either.
_UNSHOWN: Mapping[Credential, tuple[str, ...]] = {
    "jwt": (KEY_HEADER,),
    "session": (KEY_HEADER,),
    "signature": (KEY_HEADER, "authorization"),
    "api_key": ("authorization",),
}
_PREFLIGHT: tuple[Json, ...] = (
    {"name": "origin", "present_match": True},
    {"name": "access-control-request-method", "present_match": True},
)
_SHOWN = {
    "jwt": "a token",
    "api_key": "a key in x-api-key",
    "session": "the cookie of a login",
    "signature": "a signature (RFC 9421)",
}


def table(routes: Routes) -> Json:
    """The route configuration: a virtual host for each host that is named, and one for all."""
    named = sorted({host for rule in routes.rules for host in rule.route.hosts})
    return {
        "@type": f"{T}config.route.v3.RouteConfiguration",
        "name": ROUTE_CONFIG,
        "virtual_hosts": [
            *(_virtual_host(host, host, routes) for host in named),
            _virtual_host("all", "*", routes),
        ],
        **_headers_of_all(routes),
        # Not `strip_any_host_port`: a service needs the port to make a link to itself.
        "ignore_port_in_host_matching": True,
    }


def _virtual_host(name: str, domain: str, routes: Routes) -> Json:
    """What names this host comes before what names none, path by path."""
    rules = of_host(routes.rules, domain)
    balancing = {c.name: c.upstream.load_balancing for c in routes.clusters}
    return {
        "name": name,
        "domains": _spellings(domain),
        "routes": [
            *([_ambiguous()] if any(map(_is_guarded, rules)) else []),
            *(route for group in _by_path(rules) for route in _of_a_path(group, balancing)),
            *([] if any(map(_takes_all, rules)) else [_not_found()]),
        ],
    }


def _spellings(domain: str) -> list[str]:
    """A name with a dot at its end is the same one."""
    name = domain.rstrip(".")
    return [name] if name == "*" else [name, f"{name}."]


def _is_guarded(rule: Rule) -> bool:
    """Whether the service relies on the gateway to keep somebody out."""
    return rule.is_closed or rule.addresses != Addresses()


def _takes_all(rule: Rule) -> bool:
    return not rule.segments and not rule.route.exact and not _conditions(rule.route)


def _by_path(rules: Sequence[Rule]) -> Iterator[list[Rule]]:
    """Rules of one path together, in order: what none of them takes is answered 405."""
    groups: dict[tuple[object, ...], list[Rule]] = {}
    for rule in rules:
        groups.setdefault((rule.segments, rule.route.exact, rule.route.hosts), []).append(rule)
    yield from groups.values()


def _of_a_path(group: Sequence[Rule], balancing: Mapping[str, LoadBalancing]) -> Iterator[Json]:
    asked = [rule for rule in group if rule.cors is not None]
    if asked:
        yield _preflight(asked, balancing)
    for rule in group:
        for credential in rule.credentials:
            yield from _of_a_credential(rule, credential, balancing)
    # A request that lacks a header which each rule wants is not one with a wrong method.
    if not all(_conditions(rule.route) for rule in group):
        yield from _methods_not_allowed(group)


def _preflight(rules: Sequence[Rule], balancing: Mapping[str, LoadBalancing]) -> Json:
    """What a browser asks first; the filter answers it, and no service ever sees it."""
    first = next((rule for rule in rules if rule.route.services), None)
    if first is None:
        return _answered_preflight(rules)
    match = _path(first) | {"headers": [_method_matcher(["OPTIONS"]), *_PREFLIGHT]}
    # What the filter lets pass all the same must show a token.
    filters = {**on_route(first, "jwt" if first.is_closed else "none"), **on_preflight(rules)}
    action = {"route": _forward(first, (), balancing)}
    return {"name": first.id, "match": match, **action, "typed_per_filter_config": filters}


def _answered_preflight(rules: Sequence[Rule]) -> Json:
    """The same where no service stands behind, and the filter does nothing."""
    first, wanted = rules[0], rules[0].cors
    assert wanted is not None, "asked for only where there is one"  # noqa: S101
    matchers = [_method_matcher(["OPTIONS"]), cors.origin(wanted), *_PREFLIGHT]
    return {
        "name": first.id,
        "match": _path(first) | {"headers": matchers},
        "direct_response": {"status": 200},
        "response_headers_to_add": cors.preflight_headers(rules, wanted),
        "typed_per_filter_config": on_open_route(),
        "metadata": {"filter_metadata": {ANSWER: {ANSWER: True}}},
    }


def _of_a_credential(
    rule: Rule, credential: Credential, balancing: Mapping[str, LoadBalancing]
) -> Iterator[Json]:
    if credential == "missing":
        refused = _unauthorized(rule)
        if rule.cors is not None:
            yield _for_pages(refused, rule.cors)
        yield refused
        return
    for methods, causes in _retried(rule):
        route: Json = {
            "name": rule.id,
            "match": _match(rule, methods, credential),
            **_action(rule, causes, balancing),
            "typed_per_filter_config": on_route(rule, credential),
            "metadata": {"filter_metadata": _marks(rule)},
        }
        headers = _headers(rule, credential)
        if rule.cors is not None and not rule.route.services:
            yield _for_pages({**route, **headers}, rule.cors)
        yield {**route, **headers}


def _for_pages(route: Json, wanted: Cors) -> Json:
    """What the gateway answers itself, to pages of other origins that may read it."""
    match: Json = route["match"]
    told = [*route.get("response_headers_to_add", []), *cors.answer_headers(wanted)]
    matchers = [*match["headers"], cors.origin(wanted)]
    return {**route, "match": {**match, "headers": matchers}, "response_headers_to_add": told}


def _marks(rule: Rule) -> Json:
    """What others read of the route: whose rate holds, and whether the answer is complete."""
    marks: Json = {ANSWER: {ANSWER: True}} if rule.route.answer else {}
    if rule.limits is not None:
        own = rule.route.rate_limit is not None or "route" in rule.limits.key.split("+")
        marks |= limits.metadata(rule.id if own else "*")["filter_metadata"]
    return marks


def _retried(rule: Rule) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    """Methods, and what failure of such a request is tried again."""
    retries = rule.route.retries
    if retries is None and not rule.has_spare and not rule.is_cached:
        yield rule.methods, ()
        return
    wanted = retries or Retries()
    if retries is not None and not retries.max_attempts:
        yield rule.methods, ()
        return
    safe = [method for method in rule.methods if method in _SAFE or wanted.unsafe_methods]
    unsafe = [method for method in rule.methods if method not in safe]
    causes = _causes(retries)
    if safe:
        yield safe, causes
    if unsafe:
        yield unsafe, [cause for cause in causes if cause in _NOT_SENT]


def _causes(retries: Retries | None) -> list[str]:
    if retries is None:
        return [*_NOT_SENT, "reset"]
    codes = ["retriable-status-codes"] if retries.statuses else []
    return [*dict.fromkeys([*retries.on, *codes])]


def _action(rule: Rule, causes: Sequence[str], balancing: Mapping[str, LoadBalancing]) -> Json:
    route = rule.route
    if route.redirect:
        return {"redirect": _redirect(rule)}
    if route.answer:
        body = {"inline_string": route.answer.body}
        return {"direct_response": {"status": route.answer.status, "body": body}}
    return {"route": _forward(rule, causes, balancing)}


def _forward(rule: Rule, causes: Sequence[str], balancing: Mapping[str, LoadBalancing]) -> Json:
    route = rule.route
    target = {"cluster": fragments.CLUSTER} if rule.is_cached else _target(rule)
    action: Json = {**target, "timeout": seconds(route.timeout)}
    idle = route.idle_timeout or (_STREAM_IDLE_S if route.timeout == 0 else None)
    if idle is not None:
        action["idle_timeout"] = seconds(idle)
    if rule.is_cached:
        action["retry_policy"] = fragments.retry_policy(safe="reset" in causes)
    elif causes:
        action["retry_policy"] = _retries(causes, route.retries or Retries())
    if route.websocket:
        action["upgrade_configs"] = [{"upgrade_type": "websocket"}]
    if route.mirror:
        action["request_mirror_policies"] = [_copies(rule)]
    if route.host_rewrite:
        action["host_rewrite_literal"] = route.host_rewrite
    elif rule.outside:
        # Only of those that have a name of their own: replicas of services have none.
        action["auto_host_rewrite"] = True
    if rewritten := _rewrite(rule):
        action["regex_rewrite"] = rewritten
    known = [balancing[name] for name in route.services if name in balancing]
    if hashed := [each for wanted in known for each in _hash_policy(wanted)]:
        action["hash_policy"] = hashed[:1]
    return action


def _target(rule: Rule) -> Json:
    if rule.route.service:
        return {"cluster": rule.route.service}
    return {"weighted_clusters": {"clusters": [_part(part, rule) for part in rule.route.split]}}


def _part(part: Part, rule: Rule) -> Json:
    made: Json = {"name": part.service, "weight": part.weight}
    kept = external.secrets(rule.outside.get(part.service))
    return made | ({"request_headers_to_remove": kept} if kept else {})


def _copies(rule: Rule) -> Json:
    mirror = rule.route.mirror
    assert mirror is not None, "asked for only where there is one"  # noqa: S101
    share = {"default_value": percent(mirror.percent)}
    made: Json = {"cluster": mirror.service, "runtime_fraction": share}
    if mirror.service in rule.outside:
        told = rule.outside[mirror.service]
        kept = [{"remove": name} for name in external.secrets(told)]
        made |= {"host_rewrite_literal": told.authority, "request_headers_mutations": kept}
    return made


def _hash_policy(balancing: LoadBalancing) -> Iterator[Json]:
    if balancing.kind not in {"ring_hash", "maglev"}:
        return
    match balancing.hash_on:
        case "address":
            yield {"connection_properties": {"source_ip": True}, "terminal": True}
        case "client":
            yield {"header": {"header_name": "x-client-id"}, "terminal": True}
        case "header":
            yield {"header": {"header_name": balancing.name}, "terminal": True}
        case "cookie":
            cookie: Json = {"name": balancing.name, "path": "/"}
            cookie |= {"ttl": seconds(balancing.cookie_ttl)}
            yield {"cookie": cookie, "terminal": True}


def _rewrite(rule: Rule) -> Json | None:
    if rule.strip:
        pattern = {"regex": f"^{re.escape(rule.strip)}/*"}
        return {"pattern": pattern, "substitution": "/"}
    if rule.route.rewrite is None:
        return None
    tail = "" if rule.route.exact else r"((?:/.*)?)"
    captured = _pattern(rule, "([^/]+)") + tail
    end = "" if rule.route.exact else f"\\{len(_names(rule)) + 1}"
    return {
        "pattern": {"regex": f"^{captured}$"},
        "substitution": _filled(rule, rule.route.rewrite.rstrip("/")) + end,
    }


def _filled(rule: Rule, template: str) -> str:
    """The template with the number of its capture in place of each name."""
    numbers = {name: number for number, name in enumerate(_names(rule), start=1)}
    escaped = template.replace("\\", "\\\\")
    return re.sub(r"\{([a-z][a-z0-9_]*)\}", lambda found: f"\\{numbers[found[1]]}", escaped)


def _names(rule: Rule) -> list[str]:
    return re.findall(r"\{([^/{}]+)\}", rule.route.path)


def _redirect(rule: Rule) -> Json:
    wanted = rule.route.redirect
    assert wanted is not None, "asked for only where there is one"  # noqa: S101
    codes = {
        301: "MOVED_PERMANENTLY",
        302: "FOUND",
        303: "SEE_OTHER",
        307: "TEMPORARY_REDIRECT",
        308: "PERMANENT_REDIRECT",
    }
    made: Json = {"response_code": codes[wanted.status], "strip_query": wanted.strip_query}
    scheme, separator, rest = wanted.to.partition("://")
    path = wanted.to
    if separator:
        host, _, tail = rest.partition("/")
        name, _, port = host.partition(":")
        made |= {"scheme_redirect": scheme, "host_redirect": name}
        made |= {"port_redirect": int(port)} if port else {}
        path = f"/{tail}"
    if "{" in path:
        pattern = {"regex": f"^{_pattern(rule, '([^/]+)')}(?:/.*)?$"}
        return made | {"regex_rewrite": {"pattern": pattern, "substitution": _filled(rule, path)}}
    return made | {"path_redirect": path}


def _retries(causes: Sequence[str], wanted: Retries) -> Json:
    """On another replica than the one that failed."""
    made: Json = {
        "retry_on": ",".join(causes),
        "num_retries": wanted.max_attempts,
        "retry_back_off": {
            "base_interval": seconds(wanted.backoff),
            "max_interval": seconds(wanted.backoff * _LONGEST_BACKOFF),
        },
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": f"{T}extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
        "host_selection_retry_max_attempts": 5,
    }
    if wanted.per_try_timeout:
        made["per_try_timeout"] = seconds(wanted.per_try_timeout)
    if wanted.statuses:
        made["retriable_status_codes"] = list(wanted.statuses)
    return made


def _match(rule: Rule, methods: Sequence[str], credential: Credential) -> Json:
    matchers = [_method_matcher(methods), *_conditions(rule.route), *_shows(credential)]
    query = [
        {"name": name, "string_match": _text(matcher)}
        if matcher.present is None
        else {"name": name, "present_match": matcher.present}
        for name, matcher in rule.route.query.items()
    ]
    return _path(rule) | {"headers": matchers} | ({"query_parameters": query} if query else {})


def _shows(credential: Credential) -> list[Json]:
    if credential == "api_key":
        return [{"name": KEY_HEADER, "present_match": True}]
    if credential == "signature":
        return [{"name": "signature-input", "present_match": True}]
    if credential == "session":
        cookie = {"name": "cookie", "string_match": _regex(COOKIE_PATTERN)}
        return [cookie, {"name": "authorization", "present_match": False}]
    return []


def _only(matchers: list[Json]) -> Json:
    return {"headers": matchers} if matchers else {}


def _path(rule: Rule) -> Json:
    if rule.is_literal and rule.route.exact:
        return {"path": "/" + "/".join(filter(None, rule.segments))}
    if not rule.segments:
        return {"prefix": "/"}
    if rule.is_literal:
        return {"path_separated_prefix": "/" + "/".join(filter(None, rule.segments))}
    tail = "" if rule.route.exact else "(?:/.*)?"
    return {"safe_regex": {"regex": _pattern(rule, "[^/]+") + tail}}


def _pattern(rule: Rule, segment: str) -> str:
    parts = (segment if each is None else re.escape(each) for each in rule.segments)
    return "/" + "/".join(parts)


def _conditions(route: Route) -> list[Json]:
    """What headers and cookies must hold."""
    named = [_header(name, matcher) for name, matcher in route.headers.items()]
    return named + [_cookie(name, matcher) for name, matcher in route.cookies.items()]


def _header(name: str, matcher: Matcher) -> Json:
    if matcher.present is not None:
        return {"name": name, "present_match": matcher.present}
    return {"name": name, "string_match": _text(matcher)}


def _cookie(name: str, matcher: Matcher) -> Json:
    if matcher.exact is not None:
        value = f"{re.escape(matcher.exact)}(?:;.*)?"
    elif matcher.prefix is not None:
        value = f"{re.escape(matcher.prefix)}.*"
    else:
        value = f"(?:{matcher.regex or '[^;]*'})(?:;.*)?"
    wanted = {"string_match": _regex(rf"(?:.*;\s*)?{re.escape(name)}={value}")}
    made: Json = {"name": "cookie", **wanted}
    return made | ({"invert_match": True} if matcher.present is False else {})


def _text(matcher: Matcher) -> Json:
    if matcher.exact is not None:
        return {"exact": matcher.exact}
    if matcher.prefix is not None:
        return {"prefix": matcher.prefix}
    return _regex(matcher.regex or "")


def _regex(pattern: str) -> Json:
    return {"safe_regex": {"regex": pattern}}


def _method_matcher(methods: Sequence[str]) -> Json:
    if len(methods) == 1:
        return {"name": ":method", "string_match": {"exact": methods[0]}}
    return {"name": ":method", "string_match": _regex("|".join(methods))}


def _headers(rule: Rule, credential: Credential) -> Json:
    """What is done to headers on the way in and out."""
    asked, answered = rule.route.request_headers, rule.route.response_headers
    to_add = [*_changes(asked), *([_original_path()] if _rewrite(rule) else [])]
    if rule.is_cached and rule.route.service:
        to_add += fragments.request_headers(rule.id, rule.route.service)
    if credential == "api_key" and rule.has_sealed_keys:
        # The filter of keys can name one header only: see `policy.keys`.
        to_add += overwrite({IDENTITY_HEADER: f"%REQ({CLIENT_HEADER})%"})
    if rule.route.service == LOGIN:
        to_add += overwrite({ADDRESS_HEADER: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"})
    told = _changes(answered)
    if rule.route.answer:
        told = [*overwrite({"content-type": rule.route.answer.content_type}), *told]
    if rule.cors is not None:
        # A store must not give the answer for one origin to another one.
        told.append(*append({"vary": "origin"}))
    kept = external.secrets(rule.outside.get(rule.route.service or ""))
    made: Json = {
        "request_headers_to_add": to_add,
        "request_headers_to_remove": [
            *asked.remove,
            *kept,
            *_unread(rule.route),
            *_UNSHOWN.get(credential, ()),
        ],
        "response_headers_to_add": told,
        "response_headers_to_remove": list(answered.remove),
    }
    return {key: value for key, value in made.items() if value}


def _unread(route: Route) -> list[str]:
    """An answer that comes compressed could not be made into another one."""
    return ["accept-encoding"] if route.response_body else []


def _changes(headers: Headers) -> list[Json]:
    put = {name: plain(text) for name, text in headers.set.items()}
    added = {name: plain(text) for name, text in headers.add.items()}
    return [*overwrite(put), *append(added)]


def _original_path() -> Json:
    """For the access log, and the service, after the path is rewritten."""
    return overwrite({ORIGINAL_PATH_HEADER: "%REQ(:PATH)%"})[0]


def _headers_of_all(routes: Routes) -> Json:
    """On every route: what is told of the client's certificate, and what browsers are told."""
    told = default(_security_headers(routes))
    if routes.tls is None:
        return {"response_headers_to_add": told}
    asked = tls.request_headers(routes.tls)
    told += tls.response_headers(routes.tls) if routes.headers.enabled else []
    return {"response_headers_to_add": told} | ({"request_headers_to_add": asked} if asked else {})


def _security_headers(routes: Routes) -> dict[str, str]:
    wanted: SecurityHeaders = routes.headers
    if not wanted.enabled:
        return {}
    found = {
        "x-content-type-options": "nosniff",
        "x-frame-options": wanted.frame_options,
        "referrer-policy": wanted.referrer_policy,
        "content-security-policy": wanted.content_security_policy,
    }
    return {name: plain(text) for name, text in found.items() if text}


def _unauthorized(rule: Rule) -> Json:
    accepted = " or ".join(_SHOWN[each] for each in rule.auth) or "nothing that can be checked here"
    return {
        "name": rule.id,
        "match": _match(rule, rule.methods, "missing"),
        "direct_response": {"status": 401, "body": {"inline_string": f"accepted is {accepted}"}},
        "typed_per_filter_config": {**on_route(rule, "missing"), **on_open_route()},
        **({"response_headers_to_add": append({"vary": "origin"})} if rule.cors else {}),
    }


def _methods_not_allowed(group: Sequence[Rule]) -> Iterator[Json]:
    """Who is not let in does not learn which methods there are."""
    if not all(rule.is_closed for rule in group):
        yield {**_method_not_allowed(group), "typed_per_filter_config": on_open_route()}
        return
    shown = {credential: rule for rule in group for credential in rule.credentials}
    for credential in LOOKED_FOR:
        if credential in shown:
            filters = on_route(shown[credential], credential)
            yield {
                **_method_not_allowed(group),
                "match": _path(group[0]) | _only(_shows(credential)),
                **({"typed_per_filter_config": filters} if filters else {}),
            }
    if "jwt" not in shown:
        # Whatever is left shows nothing that is accepted: no wider route may have it.
        yield {**_unauthorized(group[0]), "match": _path(group[0])}


def _method_not_allowed(group: Sequence[Rule]) -> Json:
    allowed = ", ".join(sorted({method for rule in group for method in rule.methods}))
    first = group[0]
    return {
        "name": first.id,
        "match": _path(first),
        "direct_response": {
            "status": 405,
            "body": {"inline_string": f"cannot use this method here: allowed are {allowed}"},
        },
        "response_headers_to_add": overwrite({"allow": allowed}),
    }


def _ambiguous() -> Json:
    """A rule for a path holds only where gateway and service read the path alike."""
    told = "cannot take this path: services could read it in more than one way"
    return {
        "name": "ambiguous",
        "match": {"safe_regex": {"regex": _AMBIGUOUS}},
        "direct_response": {"status": 400, "body": {"inline_string": told}},
        "typed_per_filter_config": on_open_route(),
    }


def _not_found() -> Json:
    """Needs no token: who has none learns the same as who has one."""
    return {
        "name": "none",
        "match": {"prefix": "/"},
        "direct_response": {"status": 404},
        "typed_per_filter_config": on_open_route(),
    }
