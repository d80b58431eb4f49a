"""Pages of other origins: which may read answers. Preflights are answered before any login."""

import re
from collections.abc import Sequence

from intertie.gateway.routes import Credential, Rule
from intertie.gateway.xds import FILTERS, Json, overwrite
from intertie.suite.security import Cors

NAME = "envoy.filters.http.cors"
KIND = f"{FILTERS}cors.v3.Cors"

_LABELS = "([a-z0-9]([a-z0-9-]*[a-z0-9])?[.])+"


def on_route(rule: Rule, credential: Credential) -> Json | None:
    """The origins, and what they may send and read."""
    return None if rule.cors is None else _policy(rule.cors, rule.methods)


def on_path(rules: Sequence[Rule]) -> Json | None:
    """The same for all rules of a path together: browsers ask before they say which they want."""
    wanted = next((rule.cors for rule in rules if rule.cors is not None), None)
    return None if wanted is None else _policy(wanted, _methods(rules))


def origin(wanted: Cors) -> Json:
    """Of a route that the gateway answers itself, where the filter does nothing: who is let in."""
    allowed = "|".join(_pattern(each) for each in wanted.allowed_origins)
    return {"name": "origin", "string_match": {"safe_regex": {"regex": allowed}}}


def answer_headers(wanted: Cors) -> list[Json]:
    """Of such a route, on its answer to such an origin."""
    told = {
        "access-control-allow-origin": "%REQ(ORIGIN)%",
        "access-control-expose-headers": ", ".join(wanted.exposed_headers),
        **({"access-control-allow-credentials": "true"} if _with_credentials(wanted) else {}),
    }
    return overwrite({name: text for name, text in told.items() if text})


def preflight_headers(rules: Sequence[Rule], wanted: Cors) -> list[Json]:
    """Of such a route, on its answer to what the browser asks before; `rules` are of one path."""
    told = {
        "access-control-allow-methods": ", ".join(wanted.allowed_methods or _methods(rules)),
        "access-control-allow-headers": ", ".join(wanted.allowed_headers),
        "access-control-max-age": f"{wanted.max_age:.0f}",
    }
    return [
        *answer_headers(wanted),
        *overwrite({name: text for name, text in told.items() if text}),
    ]


def _policy(wanted: Cors, methods: Sequence[str]) -> Json:
    return {
        "@type": f"{FILTERS}cors.v3.CorsPolicy",
        "allow_origin_string_match": [_origin(each) for each in wanted.allowed_origins],
        "allow_methods": ", ".join(wanted.allowed_methods or methods),
        "allow_headers": ", ".join(wanted.allowed_headers),
        "expose_headers": ", ".join(wanted.exposed_headers),
        "max_age": f"{wanted.max_age:.0f}",
        "allow_credentials": _with_credentials(wanted),
        "allow_private_network_access": wanted.allow_private_network,
        # A preflight from elsewhere ends here as well, without what a browser wants to see.
        "forward_not_matching_preflights": False,
    }


def _methods(rules: Sequence[Rule]) -> list[str]:
    return sorted({method for rule in rules for method in rule.methods})


def _with_credentials(wanted: Cors) -> bool:
    return wanted.allow_credentials and "*" not in wanted.allowed_origins


def _origin(origin: str) -> Json:
    if origin == "*" or "://*." in origin:
        return {"safe_regex": {"regex": _pattern(origin)}}
    return {"exact": origin}


def _pattern(origin: str) -> str:
    if origin == "*":
        return "https?://[^/]+"
    scheme, _, host = origin.partition("://")
    if host.startswith("*."):
        return f"{scheme}://{_LABELS}{re.escape(host[2:])}"
    return re.escape(origin)
