"""Requests that change something must come from a page of our own, where cookies are accepted."""

import re

from intertie.gateway.routes import Credential, Rule
from intertie.gateway.xds import FILTERS, Json

NAME = "envoy.filters.http.csrf"
KIND = f"{FILTERS}csrf.v3.CsrfPolicy"
NOBODY: Json = {"filter_enabled": {"default_value": {"numerator": 0}}}


def on_route(rule: Rule, credential: Credential) -> Json | None:
    """Only for requests that show a cookie: a browser sends that for any page."""
    if credential != "session" or not rule.csrf.enabled:
        return None
    # The filter compares names without their scheme.
    others = [each.partition("://")[2] for each in rule.csrf.additional_origins]
    return {
        "@type": KIND,
        "filter_enabled": {"default_value": {"numerator": 100}},
        "additional_origins": [_host(each) for each in others],
    }


def _host(host: str) -> Json:
    if host.startswith("*."):
        return {"safe_regex": {"regex": f"([a-z0-9-]+[.])+{re.escape(host[2:])}"}}
    return {"exact": host}
