"""A policy of the user's own, asked over HTTP: one filter, off until a route asks for it. Pure."""

from collections.abc import Iterable

from intertie.gateway.routes import Credential, Routes, Rule
from intertie.gateway.xds import (
    CLIENT_HEADER,
    FILTERS,
    IDENTITY_HEADER,
    ROLES_HEADER,
    TENANT_HEADER,
    Json,
    enabled,
    seconds,
)
from intertie.suite.security import ExternalAuthorization

NAME = "intertie.external-authz"
KIND = f"{FILTERS}ext_authz.v3.ExtAuthz"
ROUTE_HEADER = "x-intertie-route"
"""Which route a request came to, by the name that logs have."""

_TOLD = (
    *(IDENTITY_HEADER, CLIENT_HEADER, TENANT_HEADER, ROLES_HEADER),
    *("x-request-id", "x-forwarded-for"),
)
_WHEN_REFUSED = ("content-type", "location", "retry-after", "www-authenticate")
_NOBODY = "intertie.nobody"
"""Of no route: nothing is asked there."""


def on_route(rule: Rule, credential: Credential) -> Json | None:
    """Who shows nothing is refused without a question."""
    return enabled() if rule.route.external_auth and credential != "missing" else None


def config(routes: Routes) -> Json:
    """It is told who asks, and what the suite names; of its answer goes on what the suite names."""
    wanted = routes.policy or ExternalAuthorization(service=_NOBODY)
    told = wanted.answer_headers
    # It would be sent without being asked for.
    kept = {"authorization"} - {name.lower() for name in wanted.headers}
    return {
        "transport_api_version": "V3",
        "failure_mode_allow": wanted.failure == "open",
        "status_on_error": {"code": "ServiceUnavailable"},
        "allowed_headers": _exactly((*_TOLD, *wanted.headers)),
        **({"disallowed_headers": _exactly(kept)} if kept else {}),
        "http_service": {
            "server_uri": {
                "uri": "http://policy",
                "cluster": wanted.service,
                "timeout": seconds(wanted.timeout),
            },
            "path_prefix": wanted.path.rstrip("/"),
            "authorization_request": {
                "headers_to_add": [{"key": ROUTE_HEADER, "value": "%ROUTE_NAME%"}]
            },
            "authorization_response": {
                "allowed_client_headers": _exactly(_WHEN_REFUSED),
                **({"allowed_upstream_headers": _exactly(told)} if told else {}),
            },
        },
    }


def _exactly(names: Iterable[str]) -> Json:
    return {"patterns": [{"exact": name, "ignore_case": True} for name in names]}
