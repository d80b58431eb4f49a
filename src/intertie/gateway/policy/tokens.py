"""JSON Web Tokens, which Envoy checks itself."""

import json

from intertie.gateway.clusters import key_set_cluster
from intertie.gateway.routes import Credential, Routes, Rule, TokenCheck
from intertie.gateway.rules import is_asked
from intertie.gateway.xds import (
    CLIENT_HEADER,
    FILTERS,
    IDENTITY_HEADER,
    ROLES_HEADER,
    TENANT_HEADER,
    Json,
    disabled,
    seconds,
)
from intertie.identity.issuer import IDENTITY_CLAIM

NAME = "envoy.filters.http.jwt_authn"
KIND = f"{FILTERS}jwt_authn.v3.JwtAuthentication"
PAYLOAD = "payload"
"""Where the claims are found in the filter's metadata."""

# Tokens are made and checked by the same clock; Envoy's default of 60 s would outlive their end.
_CLOCK_SKEW_S = 1
_FOREIGN_SKEW_S = 30
_CACHED = 10_000
_OWN_CLAIMS = {
    IDENTITY_HEADER: IDENTITY_CLAIM,
    CLIENT_HEADER: "principal",
    TENANT_HEADER: "tenant",
    ROLES_HEADER: "roles_text",
}


def config(routes: Routes) -> Json:
    """Denies by default: every path needs a token unless its route opts out."""
    providers = {_name(i): _provider(check) for i, check in enumerate(routes.tokens)}
    if any(_is_read(rule, has_foreign=len(routes.tokens) > 1) for rule in routes.rules):
        providers = {
            name: made | {"payload_in_metadata": PAYLOAD} for name, made in providers.items()
        }
    names = [{"provider_name": name} for name in providers]
    needed: Json = names[0] if len(names) == 1 else {"requires_any": {"requirements": names}}
    return {
        "providers": providers,
        "rules": [{"match": {"prefix": "/"}, "requires": needed}],
    }


def on_route(rule: Rule, credential: Credential) -> Json | None:
    """Other credentials are looked at by others."""
    return None if credential == "jwt" else disabled()


def _is_read(rule: Rule, *, has_foreign: bool) -> bool:
    """Whether anybody looks at claims that are in no header: to keep them costs each request."""
    if "jwt" not in rule.credentials:
        return False
    read = rule.has_revocations or has_foreign or bool(rule.route.scopes)
    return read or is_asked(rule, "jwt")


def _name(index: int) -> str:
    return f"issuer{index}" if index else "suite"


def _provider(check: TokenCheck) -> Json:
    claims = _OWN_CLAIMS if check.is_own else {CLIENT_HEADER: "sub"}
    made: Json = {
        "issuer": check.issuer,
        "audiences": list(check.audiences),
        # Not in the query too, which is the default: addresses end up in logs.
        "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
        "require_expiration": True,
        "clock_skew_seconds": _CLOCK_SKEW_S if check.is_own else _FOREIGN_SKEW_S,
        "forward": False,
        "claim_to_headers": [
            {"header_name": header, "claim_name": claim} for header, claim in claims.items()
        ],
        "jwt_cache_config": {"jwt_cache_size": _CACHED},
    }
    if not check.jwks_uri:
        return made | {"local_jwks": {"inline_string": check.jwks or json.dumps({"keys": []})}}
    uri = {"uri": check.jwks_uri, "cluster": key_set_cluster(check), "timeout": "5s"}
    remote = {"http_uri": uri, "cache_duration": seconds(check.jwks_cache_s)}
    return made | {"remote_jwks": {**remote, "async_fetch": {"fast_listener": True}}}
